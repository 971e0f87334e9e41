"""The largest value of every field, product and sum.

Compiled 64-bit integers wrap where Python's grow, so nothing in the core may ever pass 2**63 - 1. Each
constant bounds a field; the comments show that every product and sum made of them stays below.
"""

from __future__ import annotations

from typing import Final

I64_MAX: Final = (1 << 63) - 1

# --- ids -------------------------------------------------------------------------------------------
SHARD_SHIFT: Final = 56
COUNTER_MASK: Final = (1 << 56) - 1
MAX_SHARD: Final = 127
FIRST_USER_ACCOUNT: Final = 64
ACCOUNT_FEES: Final = 1
ACCOUNT_INSURANCE: Final = 2
ACCOUNT_BRIDGE: Final = 3
ACCOUNT_WITHDRAWALS: Final = 4
MAX_ACCOUNTS: Final = 1 << 20
MAX_INSTRUMENTS: Final = 1 << 20
MAX_UNDERLYINGS: Final = 1 << 10

# --- records ---------------------------------------------------------------------------------------
MAX_QUOTES: Final = 100
MAX_MARKS: Final = 4_000
MAX_LABEL_BYTES: Final = 256

# --- sizes and prices ------------------------------------------------------------------------------
MAX_ORDER_LOTS: Final = (1 << 28) - 1
MAX_POSITION_LOTS: Final = (1 << 28) - 1
MAX_PRICE_TICKS: Final = 1 << 40
MAX_PRICE_MICRO: Final = 1 << 42  # 4.4 million USDC per unit of the underlying
MAX_TICK_MICRO: Final = 1 << 40
MAX_LOT_E8: Final = 10**10  # 100 units of the underlying
MAX_VEGA_MICRO: Final = 1 << 42
DELTA_ONE_E9: Final = 10**9
MAX_TIME_MS: Final = 1 << 52

# price_micro * lot_e8, before the division by 1e8
MAX_PRODUCT: Final = 1 << 62
# position_limit_lots * price * multiplier: the value of the largest position, 281 million USDC.
# One fill, one order and one seat's holds are each at most a small multiple of it.
MAX_VALUE_MICRO: Final = 1 << 48

# --- fees ------------------------------------------------------------------------------------------
# index_per_lot * lots <= 2**48 and ppm / 1000 <= 2**7: nano-USDC of a fee <= 2**55, plus one per lot.
# index_per_lot * ppm is bounded for small position limits too, where the value per lot could be large:
# listing and marks also keep it within MAX_VALUE_PER_LOT_MICRO.
MAX_FEE_PPM: Final = 100_000
MAX_FEE_CAP_PERMILLE: Final = 1_000  # value * permille <= 2**60
MAX_BAND_PPM: Final = 1_000_000  # index_micro * ppm <= 2**62
MAX_VALUE_PER_LOT_MICRO: Final = 1 << 45  # * MAX_FEE_PPM < 2**62

# --- accounts --------------------------------------------------------------------------------------
# A seat's requirement is at most hold (2 * 2**48, premium and an eighth for fees) + lots * per_lot
# (2 * 2**48) < 2**51; 2,048 seats: < 2**62. A seat's value is at most 2**48 + entry (2**50): over 2,048
# seats < 2**62.
MAX_SEATS: Final = 2_048
MAX_OPEN_ORDERS: Final = 1 << 20
MAX_OPEN_ORDERS_PER_ACCOUNT: Final = 1 << 16
MAX_DEPOSIT_MICRO: Final = 1 << 56
MAX_TOTAL_DEPOSITS_MICRO: Final = 1 << 58
# No order is accepted from an account whose cash has passed ACCUMULATION_LIMIT, or in a seat whose entry
# value has passed ENTRY_LIMIT. What is then already open can add 2 * 2**48 to a seat's entry value (which
# stays within 2**50) and 2**11 seats * 2 * 2**48 = 2**60 to cash; perpetual settlements and funding
# are refused where they would take cash beyond CASH_LIMIT. Cash (2**61 + 2**60), perpetual values (less
# than 2**62) and option values (2**59) together stay below 2**63.
ACCUMULATION_LIMIT: Final = 1 << 60
ENTRY_LIMIT: Final = 1 << 49
CASH_LIMIT: Final = 1 << 61

MAX_EXPIRE_DAY_CANCELS: Final = 256

# --- risk (rules version 2) ------------------------------------------------------------------------
MAX_SUBACCOUNTS: Final = 20
MAX_PENDING_WITHDRAWALS: Final = 1 << 16
MAX_PENDING_PER_ACCOUNT: Final = 16
MAX_TIERS: Final = 8
MAX_SCENARIOS: Final = 48
MAX_QUANTUM_MICRO: Final = 1 << 30
MAX_STREAM_WORD_BYTES: Final = 9
MAX_SWEEP: Final = 1_024
LIQUIDATION_CANCELS: Final = 64
MEETINGS_MOST: Final = 1_024  # makers an order meets in one go
QUOTE_LOOKS: Final = 16  # sides of a mass quote that are judged by more than plain sums
DISPLAY_PARTS: Final = 100  # an iceberg shows at least this part of itself
DOUBLE_CAP_PERMILLE: Final = 500  # two fees capped by this each leave a sale worth nothing at worst
MAX_VOLUME_MICRO: Final = 1 << 60
PPM: Final = 1_000_000
MAX_RATE_PPM: Final = 250_000  # of roll, shock and short-option charges
MAX_THRESHOLD_MICRO: Final = 1 << 58
MAX_AUCTION_MS: Final = 86_400_000
MAX_JUMP_FACTOR: Final = 1_000
DEFAULT_JUMP_FACTOR: Final = 10

# --- orders and protection (rules version 3) --------------------------------------------------------
MAX_ID_STREAMS: Final = 1 << 16
MAX_ID_WINDOW: Final = 1 << 16  # client order ids an account has remembered
MAX_REMEMBERED: Final = 1 << 20  # and the shard: 64 bytes each
FORGET_MOST: Final = 64  # ids an account forgets with one command
MAX_MMP_GROUPS: Final = 16  # of an account in an underlying
MAX_GROUPS: Final = 1 << 16  # protection groups of the shard
MMP_ORDERS: Final = 4_096  # open orders of a group: what one trip cancels
MAX_MMP_MS: Final = 3_600_000
MAX_MMP_LIMIT: Final = 1 << 50
# One fill adds at most 2**28 lots * 10**10 lot_e8 < 2**62 to the sums, which stop here.
MAX_MMP_SUM: Final = 1 << 60
FREEZE_QUOTES_MS: Final = 1_000
MAX_TRIGGERS: Final = 1 << 18
MAX_TRAILING: Final = 256  # of one source: a price looks at each
FIRE_MOST: Final = 64
MAX_REPRICES: Final = 64
MAX_VOLATILITY_E6: Final = 10**9
BLOCK_MOST: Final = 64  # trades of one block; positions moved at once
MAX_GRANT_BYTES: Final = 1_024  # what a GRANT record holds of an authorisation

# --- combos (rules version 4) -----------------------------------------------------------------------
# A combo's |price| is within the least price limit of its legs: |price| * multiplier <= 2**45. Sums
# over four legs, each times a ratio, stay below 2**46 of ticks (implied prices: 2**41) and of micro-USDC per
# unit, below 2**49 of what a lot is worth. Lots times a ratio are at most MAX_ORDER_LOTS (judged before any
# product), so check 14 bounds every leg as an order of its own would be bounded: open lots of both sides
# <= 2 * position_limit. Of a combo's hold per lot each part can be laid to lots of one leg: the price
# (<= price_limit * multiplier) to the first, marks, fees and delivery to their own. Over position_limit lots
# each of price and marks is at most 2**48, fees and delivery a tenth of it each: all holds laid to a seat are
# at most 4.4 * 2**48, and with lots * per_lot (2 * 2**48) still below the 2**51 that MAX_SEATS counts on.
# One order's hold is at most four legs' parts: < 2**53. Fees before the discount: 2**46 * 1,000 < 2**56.
# What losing makers are held against adds lots * (quantum + 2) * ratio <= 2**59 a leg, 2**61 in all.
LEGS_MOST: Final = 4
RATIO_MOST: Final = 4
LEG_STEPS: Final = 16  # of the combo's step in every leg's prices: each price of the combo can be divided
COMBOS_OF_LEG: Final = 16  # open ones that name an instrument
MAX_COMBOS: Final = 4_096  # open ones of the shard
LOSING_JUDGED: Final = 64  # losing makers an order has judged where combos are about (rules 6)

RULES_VERSION: Final = 6  # the newest; an engine starts at 1 and moves on by SET_RULES
RELEASED_RULES: Final = 6  # the newest that golden journals hold to; no venue moves on to a newer one
FIRST_RULES: Final = 1
RECORD_VERSION: Final = 1
