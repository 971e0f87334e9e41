"""Where each field of the core's flat records lies, in 64-bit words from the record's start.

State is kept in a few arrays of 64-bit integers, one record after the other: no object per order, level
or position, nothing for the garbage collector. Slot 0 of every pool means "none".
"""

from __future__ import annotations

from typing import Final

# --- order: two cache lines, what a neighbour or a level's head is asked for in the first ------------
# A large array's words start 40 bytes into a page (glibc's header and librt's): with this many words left
# out at its start every record begins on a pair of lines. Elsewhere it costs time, never correctness.
ORDER_START: Final = 11
O_ID: Final = 11
O_WHO: Final = 12  # account | instrument << 32
O_PRICE: Final = 13
O_LOTS: Final = 14  # open lots, hidden ones included | shown lots << 32
O_SIZE: Final = 15  # total lots | display lots << 32
O_QUEUE: Final = 16  # slot of the next order in its level | of the one before << 32
O_PLACE: Final = 17  # level | seat << 32
O_VALUE: Final = 18  # sum of price * lots over its fills
O_FLAGS: Final = 19  # order flags | slot of what protection keeps of it << 32 (0: not protected)
O_CLIENT: Final = 20
O_LABEL: Final = 21  # label | grant << 32
O_CREATED: Final = 22
O_UPDATED: Final = 23
O_PRIORITY: Final = 24
O_LIST: Final = 25  # the account's next order in order_id order | the one before << 32
O_HOLD: Final = 26  # micro-USDC held per open lot
ORDER_WORDS: Final = 16

LOW: Final = 0xFFFFFFFF
HIGH: Final = -0x100000000
EXTRA: Final = 0x80000000  # bit 31 of O_FLAGS: a record of the pool of extras belongs to the order
OF_COMBO: Final = 0x40000000  # bit 30 of O_FLAGS: it is an order of a combo
UNUSUAL: Final = EXTRA | OF_COMBO
ORDER_FLAGS: Final = 0x3FFFFFFF  # those that are told

# --- price level -----------------------------------------------------------------------------------
L_PRICE: Final = 0
L_RANK: Final = 1
L_HEAD: Final = 2
L_TAIL: Final = 3
L_SHOWN: Final = 4  # displayed lots of all its orders
LEVEL_WORDS: Final = 5

# --- seat: one account's place in one instrument; two cache lines (see ORDER_START) ------------------
SEAT_START: Final = 11
S_KEY: Final = 11  # account << 20 | instrument
S_SIZE: Final = 12
S_ENTRY: Final = 13
S_NEXT: Final = 14
S_OPEN_BUY: Final = 15
S_OPEN_SELL: Final = 16
S_HOLD: Final = 17
S_REQUIREMENT: Final = 18  # cached, at the account's mark epoch
S_VALUE: Final = 19  # cached, at the account's mark epoch
S_PREV: Final = 20
S_QUOTE_BID: Final = 21  # order slot of the resting quote
S_QUOTE_ASK: Final = 22
S_COUNTED_SIZE: Final = 23  # what of the seat is in its folio's sums (portfolio model)
S_COUNTED_BUY: Final = 24
S_COUNTED_SELL: Final = 25
SEAT_WORDS: Final = 16
SEAT_SHIFT: Final = 20
SEAT_INSTRUMENT: Final = (1 << 20) - 1

# --- account: what every order looks at fills one cache line, what rules 2 add to it the next --------
A_OWNER: Final = 0  # three words
A_CASH: Final = 3
A_REQUIREMENT: Final = 4  # cached, as are the next three
A_PERP_VALUE: Final = 5
A_OPTION_VALUE: Final = 6
A_EPOCH: Final = 7
A_ORDERS: Final = 8
A_ORDER_TAIL: Final = 9
A_MODEL: Final = 10
A_LIQUIDATION: Final = 11
A_LOCKED: Final = 12
A_MAX_ORDERS: Final = 13
A_ORDER_HEAD: Final = 14
A_SEAT_HEAD: Final = 15
A_SEATS: Final = 16
A_FLAGS: Final = 17
A_FOLIO: Final = 18  # derived: the first of its folios (portfolio model)
A_QUOTES_FROZEN: Final = 19  # no quotes before this time, ms (rules 3)
A_MAX_POSITIONS: Final = 20
A_TIER: Final = 21
A_VOLUME: Final = 22
A_MAIN: Final = 23
A_CURSOR: Final = 24
A_AUCTION: Final = 25
A_BASIS: Final = 26
A_SUBACCOUNTS: Final = 27  # derived: how many name this one as their main account
A_KIN: Final = 28  # derived: the next account of its family in id order; 0 behind the last
A_PENDING: Final = 29  # derived: how many of its withdrawals are pending
A_GOING: Final = 30  # derived: which order's way the next is of; see `verdicts`
A_APART: Final = 31
A_CREATED: Final = 32
A_LOOK: Final = 33  # derived: which look the next is of; see `losing`
A_SLACK: Final = 34
ACCOUNT_WORDS: Final = 40

# --- instrument: what every order looks at comes first ---------------------------------------------
I_STATE: Final = 0
I_KIND: Final = 1
I_EXPIRY: Final = 2  # a perpetual's: the largest number there is
I_MIN_SIZE: Final = 3
I_PLAIN_LIMIT: Final = 4  # I_PRICE_LIMIT; 0 of combos and of what open combos name, which is never plain
I_STEPS: Final = 5
I_STEP: Final = 6  # four pairs: above_price, step
I_RANK: Final = 14  # rank at the start of each step
I_MARKED: Final = 18
I_MIN_PRICE: Final = 19
I_MAX_PRICE: Final = 20
I_MULTIPLIER: Final = 21
I_POSITION_LIMIT: Final = 22
I_OPTION_TYPE: Final = 23
I_FEE_CAP: Final = 24
I_MAKER_NANO: Final = 25
I_TAKER_NANO: Final = 26
I_MARK_LOW: Final = 27
I_MARK_HIGH: Final = 28
I_REQUIRED: Final = 29  # of each lot short (option) or held (perpetual), by the rules in force
I_FEE_HOLD: Final = 30  # the dearest fee of one lot, micro-USDC
I_UNDERLYING: Final = 31
I_MARK: Final = 32
I_FORWARD: Final = 33
I_TRADE_SEQ: Final = 34
I_LOWEST: Final = 35
I_HIGHEST: Final = 36
I_INDEX: Final = 37
I_STRIKE: Final = 38
I_TICK_MICRO: Final = 39
I_LOT_E8: Final = 40
I_MAKER_PPM: Final = 41
I_TAKER_PPM: Final = 42
I_DELIVERY_PPM: Final = 43
I_BAND_PPM: Final = 44
I_DELTA: Final = 45
I_VEGA: Final = 46
I_INDEX_PER_LOT: Final = 47
I_TERMS: Final = 48  # 24 words, as listed
I_FORWARD_PER_LOT: Final = 72
I_STRIKE_PER_LOT: Final = 73
I_LAST: Final = 74  # price_ticks of the last trade, 0: none (rules 3)
# From rules version 2 on; per lot, derived from marks and parameters.
I_TABLED: Final = 75
I_IM: Final = 76
I_MM: Final = 77
I_DELTA_LOT: Final = 78
I_SHORT_LOT: Final = 79
I_ORDER_LOT: Final = 80
I_OPEN_INTEREST: Final = 81  # derived: lots held long
I_DELIVERY_LOT: Final = 82  # what delivery at the forward would cost
I_LONG_LOT: Final = 83  # what an option held long counts in the portfolio model while it has no table
I_PRICE_LIMIT: Final = 84
# From rules version 4 on; see `combo_terms`.
I_COMBO: Final = 85  # of a combo: the slot of its legs in the pool of combos
I_COMBOS: Final = 86  # how many open combos name it as a leg; of a combo always 1
I_PRICED: Final = 87  # of a combo: the epoch of what is derived from its legs' marks
INSTRUMENT_WORDS: Final = 88

# --- underlying ------------------------------------------------------------------------------------
U_SYMBOL: Final = 0
U_FEED_SEQ: Final = 1
U_INDEX: Final = 2
U_STATE: Final = 3
U_RISK: Final = 4  # 24 words, w4…w27 of RISK; the first is 0 before it
U_TABLE_EPOCH: Final = 28  # derived: grows whenever one of its tables changes
UNDERLYING_WORDS: Final = 32

# --- risk parameters, from an underlying's U_RISK on ------------------------------------------------
R_SCENARIOS: Final = 0
R_QUANTUM: Final = 1
R_EXTENDED: Final = 2
R_DAMPENER: Final = 3
R_SM_IM: Final = 4
R_SM_FLOOR: Final = 5
R_SM_MM: Final = 6
R_PERP_IM: Final = 7
R_PERP_MM: Final = 8
R_UNCOVERED_IM: Final = 9
R_UNCOVERED_MM: Final = 10
R_PM_MM: Final = 11
R_ROLL: Final = 12
R_SHOCK: Final = 13
R_THRESHOLD: Final = 14
R_SHORT: Final = 15
R_LIQ_FEE: Final = 16
R_LIQ_SLICE: Final = 17
R_LIQ_BAND: Final = 18
R_JUMP: Final = 19
R_AUCTION_MS: Final = 20
R_DISCOUNT: Final = 21

# --- scenario tables: `World.tables` holds TABLE_WORDS per instrument id, in quanta -------------------
TABLE_WORDS: Final = 48

# --- rates: what re-margining an account asks of an instrument, one cache line each -----------------
RATE_START: Final = 3
T_LOW: Final = 3  # value of a lot held long, of one held short
T_HIGH: Final = 4
T_DELTA: Final = 5
T_GROUP: Final = 6  # expiry_ms << 10 | underlying (a perpetual's expiry: 0)
T_SHORT: Final = 7  # maintenance beside the scenarios, portfolio model, of a lot held short, held long
T_LONG: Final = 8
T_MM: Final = 9  # maintenance of a lot, standard model
T_PERPETUAL: Final = 10
RATE_WORDS: Final = 8

GROUP_SHIFT: Final = 10  # underlyings are fewer than 2**10, times below 2**52
GROUP_UNDERLYING: Final = (1 << 10) - 1

# --- gathering: columns of `World.gather_words`, MAX_SEATS + 1 rows each -----------------------------
# (Literals, as compiled code reads a Final that another module's makes up as a Python object.)
GATHER_1: Final = 2_049
GATHER_2: Final = 2 * 2_049
GATHER_3: Final = 3 * 2_049
GATHER_WORDS: Final = 4 * 2_049

# --- folio: the scenario sums of one account in one underlying (portfolio model), in quanta -----------
F_UNDERLYING: Final = 0
F_NEXT: Final = 1  # the account's next folio
F_TABLES: Final = 2  # the table epoch its sums are of
F_KNOWN: Final = 3  # what is known of the two below: see UNKNOWN
F_GROSS: Final = 4  # sum of |delta| over expiries, micro-USDC
F_NET: Final = 5  # delta, micro-USDC
F_GAIN: Final = 8  # per scenario: sum of size * table
F_ORDERS: Final = 56  # per scenario: what open orders can lose, each at its worst
F_GOING: Final = 104  # which order's way the following are of; see `verdicts`
F_APART: Final = 105
F_DELTA_APART: Final = 106
F_NET_APART: Final = 107
F_GROSS_APART: Final = 108
F_CHARGES_APART: Final = 109
FOLIO_WORDS: Final = 112
# F_KNOWN: nothing; both; what the gross is at most, positions having changed since it was known.
UNKNOWN: Final = 0
KNOWN: Final = 1
KNOWN_MOST: Final = 2

# --- fee schedule: `World.fees` holds four rates a tier ----------------------------------------------
FEE_WORDS: Final = 4

# --- client order id remembered: one cache line -----------------------------------------------------
K_ID: Final = 0  # u64 in a signed word
K_ORDER: Final = 1  # order_id, 0 where it was rejected
K_SEQ: Final = 2
K_STREAM: Final = 3  # its stream | reject reason << 32
K_LINE: Final = 4  # the shard's next one in order of arrival | the one before << 32
K_CHAIN: Final = 5  # its stream's one before | its account's next one << 32
K_INDEX: Final = 6  # how many came in its stream, it included
K_JUMP: Final = 7  # one further back in its stream, 0: none | how many before this one << 32
KEPT_WORDS: Final = 8

# --- stream of client order ids: one account under one grant ------------------------------------------
N_KEY: Final = 0  # grant | account << 32
N_LAST: Final = 1  # the largest id that came
N_TAIL: Final = 2  # the newest remembered one
N_INDEX: Final = 3  # how many came
N_LIVE: Final = 4  # how many of them are remembered: the newest ones
STREAM_WORDS: Final = 5

# --- what an account remembers: `World.id_lines` holds LINE_WORDS an account --------------------------
H_ENDS: Final = 0  # the oldest | the newest << 32
H_COUNT: Final = 1
LINE_WORDS: Final = 2

# --- protection group (market-maker protection) ------------------------------------------------------
G_KEY: Final = 0  # number | underlying << 4 | account << 14
G_INTERVAL: Final = 1  # w4…w9 of SET_MMP
G_FROZEN_MS: Final = 2
G_QUANTITY_LIMIT: Final = 3
G_DELTA_LIMIT: Final = 4
G_VEGA_LIMIT: Final = 5
G_MAX_QUOTE: Final = 6
G_FROZEN_UNTIL: Final = 7
G_WINDOW: Final = 8  # when the window began; -1: none runs
G_QUANTITY: Final = 9
G_DELTA: Final = 10
G_VEGA: Final = 11
G_TRIPPED: Final = 12  # whether it has, and waits for the order that traded; never between commands
G_HEAD: Final = 13  # its members in order_id order
G_TAIL: Final = 14
G_ORDERS: Final = 15
GROUP_WORDS: Final = 16
GROUP_FIELDS: Final = 11  # the ones after the key that are state
MMP_NUMBER_SHIFT: Final = 4
MMP_ACCOUNT_SHIFT: Final = 14

# --- member of a protection group: a resting order, which names it in O_FLAGS --------------------------
M_ORDER: Final = 0  # its slot
M_GROUP: Final = 1  # its group | its stake << 32
M_LINKS: Final = 2  # the group's next member | the one before << 32
MEMBER_WORDS: Final = 3

# --- stake: what a group has open on one side of an instrument -----------------------------------------
Q_KEY: Final = 0  # side | instrument << 1 | group << 21
Q_LOTS: Final = 1
Q_QUOTE: Final = 2  # slot of the resting quote
Q_ORDERS: Final = 3
STAKE_WORDS: Final = 4

# --- extra: what an order has beyond its price and size (trigger, links, volatility) --------------------
X_ID: Final = 0  # the order's
X_ORDER: Final = 1  # its slot
X_WHO: Final = 2  # account | instrument << 32
X_TERMS: Final = 3  # trigger | source << 8 | link << 16 | condition << 24 | members << 32
X_TRIGGER: Final = 4  # of a stop or take
X_OFFSET: Final = 5  # of a trailing one
X_BEST: Final = 6  # the best price a trailing one has seen; -1: none
X_VOLATILITY: Final = 7
X_OTHER: Final = 8  # order_id of the other of its pair
X_PRIMARY: Final = 9  # order_id of the primary of a member
X_FIRST: Final = 10  # order_ids of a primary's members
X_SECOND: Final = 11
X_SIZE: Final = 12  # of an incremental primary's member: its size as sent
X_WOKEN: Final = 13  # and how many lots of it have woken
X_FIRED: Final = 14
X_FIELDS: Final = 12  # from X_TERMS on: what is state
X_WHERE: Final = 15  # see below
X_AT: Final = 16  # its position there
X_KEY: Final = 17  # in a heap: its trigger upwards, minus its trigger downwards
X_NEXT: Final = 18  # in the queue of due ones
X_PREV: Final = 19
X_HERE_NEXT: Final = 20  # in the list of its instrument's untriggered ones
X_HERE_PREV: Final = 21
X_FILLED: Final = 22  # lots
X_NOTED: Final = 23  # whether something follows from its links; never between commands, as the next two
X_ENDED: Final = 24
X_COMPLETE: Final = 25  # it ended, filled whole
EXTRA_WORDS: Final = 26
# X_WHERE
IN_BOOK: Final = 0  # or on its way there
DORMANT: Final = 1  # a member whose primary has not woken it, or has to wake more of it
WAITS_UP: Final = 2
WAITS_DOWN: Final = 3
TRAILS: Final = 4
IS_DUE: Final = 5

# --- combo: its legs by rising id; slots count from 1 in the order in which combos were listed ----------
C_INSTRUMENT: Final = 0
C_LEGS: Final = 1  # how many
C_LEG: Final = 2  # four instruments
C_RATIO: Final = 6  # their signed ratios
C_HIGHEST: Final = 10  # the highest price each may have as a part: H of the rules
C_STEP: Final = 14  # T of the rules
C_LARGEST: Final = 15  # the largest ratio, without its sign
C_IMPLIES: Final = 16  # whether there are implied orders: two legs with ratios 1 and 1 or -1
C_MARKED: Final = 17  # whether all legs have a mark, at I_PRICED
C_PART: Final = 18  # the legs' prices in a match; mean nothing between matches
C_DELIVERY: Final = 22  # what delivery will cost of the legs that a lot bought buys, that a lot sold buys
COMBO_WORDS: Final = 24

# --- ladder ----------------------------------------------------------------------------------------
LADDER_LEVELS: Final = 1024
