"""Where each field of the core's flat records lies, in 64-bit words from the record's start.

State is kept in a few arrays of 64-bit integers, one record after the other: no object per order, level
or position, nothing for the garbage collector. Slot 0 of every pool means "none".
"""

from __future__ import annotations

from typing import Final

# --- order -----------------------------------------------------------------------------------------
O_ID: Final = 0
O_WHO: Final = 1  # account | instrument << 32
O_PRICE: Final = 2
O_OPEN: Final = 3  # resting lots, hidden ones included
O_SHOWN: Final = 4
O_SIZE: Final = 5  # total lots | display lots << 32
O_VALUE: Final = 6  # sum of price * lots over its fills
O_NEXT: Final = 7
O_PREV: Final = 8
O_LEVEL: Final = 9
O_FLAGS: Final = 10  # order flags | quote-set label << 32
O_CLIENT: Final = 11
O_LABEL: Final = 12  # label | grant << 32
O_CREATED: Final = 13
O_UPDATED: Final = 14
O_PRIORITY: Final = 15
O_ANEXT: Final = 16  # the account's orders, in order_id order
O_APREV: Final = 17
O_HOLD: Final = 18  # micro-USDC held per open lot
O_SEAT: Final = 19
ORDER_WORDS: Final = 20

# --- price level -----------------------------------------------------------------------------------
L_PRICE: Final = 0
L_RANK: Final = 1
L_HEAD: Final = 2
L_TAIL: Final = 3
L_SHOWN: Final = 4  # displayed lots of all its orders
L_COUNT: Final = 5
LEVEL_WORDS: Final = 6

# --- seat: one account's place in one instrument ----------------------------------------------------
S_KEY: Final = 0  # account << 20 | instrument
S_SIZE: Final = 1
S_ENTRY: Final = 2
S_OPEN_BUY: Final = 3
S_OPEN_SELL: Final = 4
S_HOLD: Final = 5
S_REQUIREMENT: Final = 6  # cached, at the account's mark epoch
S_VALUE: Final = 7  # cached, at the account's mark epoch
S_NEXT: Final = 8
S_PREV: Final = 9
S_QUOTE_BID: Final = 10  # order slot of the resting quote
S_QUOTE_ASK: Final = 11
SEAT_WORDS: Final = 12
SEAT_SHIFT: Final = 20
SEAT_INSTRUMENT: Final = (1 << 20) - 1

# --- account ---------------------------------------------------------------------------------------
A_CASH: Final = 0
A_REQUIREMENT: Final = 1
A_PERP_VALUE: Final = 2
A_OPTION_VALUE: Final = 3
A_EPOCH: Final = 4
A_ORDER_HEAD: Final = 5
A_ORDER_TAIL: Final = 6
A_ORDERS: Final = 7
A_SEAT_HEAD: Final = 8
A_SEATS: Final = 9
A_FLAGS: Final = 10
A_OWNER: Final = 11  # three words
A_CREATED: Final = 14
ACCOUNT_WORDS: Final = 16

# --- instrument ------------------------------------------------------------------------------------
I_TERMS: Final = 0  # 24 words, as listed
I_KIND: Final = 24
I_OPTION_TYPE: Final = 25
I_UNDERLYING: Final = 26
I_EXPIRY: Final = 27
I_STRIKE: Final = 28
I_TICK_MICRO: Final = 29
I_LOT_E8: Final = 30
I_MIN_SIZE: Final = 31
I_PRICE_LIMIT: Final = 32
I_POSITION_LIMIT: Final = 33
I_MAKER_PPM: Final = 34
I_TAKER_PPM: Final = 35
I_FEE_CAP: Final = 36
I_DELIVERY_PPM: Final = 37
I_BAND_PPM: Final = 38
I_STEPS: Final = 39
I_STEP: Final = 40  # four pairs: above_price, step
I_RANK: Final = 48  # rank at the start of each step
I_LOWEST: Final = 52
I_HIGHEST: Final = 53
I_MULTIPLIER: Final = 54
I_STRIKE_PER_LOT: Final = 55
I_STATE: Final = 56
I_MARKED: Final = 57
I_INDEX: Final = 58
I_MARK: Final = 59
I_FORWARD: Final = 60
I_DELTA: Final = 61
I_VEGA: Final = 62
I_INDEX_PER_LOT: Final = 63
I_FORWARD_PER_LOT: Final = 64
I_MARK_LOW: Final = 65
I_MARK_HIGH: Final = 66
I_MAKER_NANO: Final = 67
I_TAKER_NANO: Final = 68
I_MIN_PRICE: Final = 69
I_MAX_PRICE: Final = 70
I_TRADE_SEQ: Final = 71
INSTRUMENT_WORDS: Final = 72

# --- underlying ------------------------------------------------------------------------------------
U_SYMBOL: Final = 0
U_FEED_SEQ: Final = 1
U_INDEX: Final = 2
UNDERLYING_WORDS: Final = 4

# --- ladder ----------------------------------------------------------------------------------------
LADDER_LEVELS: Final = 1024
