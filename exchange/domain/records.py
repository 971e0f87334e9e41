"""Record layouts: the word offsets and bit positions of docs/formats.md, as constants.

A record is a run of 32-byte units; a *word* is eight bytes, little-endian, and `W_…` below are word
offsets from the record's start. Constants are plain `Final` integers so that the compiled core folds
them into its code.
"""

from __future__ import annotations

from typing import Final

UNIT_BYTES: Final = 32
UNIT_WORDS: Final = 4
WORD_BYTES: Final = 8
U32: Final = 0xFFFFFFFF

# --- command types ---------------------------------------------------------------------------------
NEW_ORDER: Final = 1
AMEND: Final = 2
CANCEL: Final = 3
CANCEL_MANY: Final = 4
MASS_QUOTE: Final = 5
LABEL: Final = 6
CREATE_ACCOUNT: Final = 16
CONFIGURE_ACCOUNT: Final = 17
DEPOSIT: Final = 18
WITHDRAW: Final = 19
TIME: Final = 20
LIST_UNDERLYING: Final = 21
LIST_INSTRUMENT: Final = 22
SET_INSTRUMENT_STATE: Final = 23
MARKS: Final = 24
SETTLE_PERPETUAL: Final = 25
FUNDING: Final = 26
DELIVER: Final = 27
EXPIRE_DAY: Final = 28
SET_RULES: Final = 29
SET_MODE: Final = 30
# From rules version 2 on.
RISK: Final = 31
RISK_SNAPSHOT: Final = 32
RISK_SWEEP: Final = 33
SET_MARGIN_MODEL: Final = 34
TRANSFER: Final = 35
RESOLVE_WITHDRAWAL: Final = 36
SET_FEES: Final = 37
SET_TIER: Final = 38
SET_CAPS: Final = 39
SET_UNDERLYING_STATE: Final = 40
LIQUIDATE: Final = 41
TAKEOVER: Final = 42
SHARE_LOSS: Final = 43
SET_LOCK: Final = 44
# From rules version 3 on.
SET_MMP: Final = 45
RESET_MMP: Final = 46
EXTENDED_ORDER: Final = 47
FIRE: Final = 48
REPRICE: Final = 49
SET_ID_WINDOW: Final = 50
BLOCK_TRADE: Final = 51
# From rules version 4 on.
LIST_COMBO: Final = 52
# From rules version 5 on.
MOVE_POSITIONS: Final = 53
GRANT: Final = 54
# From rules version 6 on.
FORCED_WITHDRAWAL: Final = 55

COMMAND_NAMES: Final[dict[int, str]] = {
    NEW_ORDER: "NEW_ORDER",
    AMEND: "AMEND",
    CANCEL: "CANCEL",
    CANCEL_MANY: "CANCEL_MANY",
    MASS_QUOTE: "MASS_QUOTE",
    LABEL: "LABEL",
    CREATE_ACCOUNT: "CREATE_ACCOUNT",
    CONFIGURE_ACCOUNT: "CONFIGURE_ACCOUNT",
    DEPOSIT: "DEPOSIT",
    WITHDRAW: "WITHDRAW",
    TIME: "TIME",
    LIST_UNDERLYING: "LIST_UNDERLYING",
    LIST_INSTRUMENT: "LIST_INSTRUMENT",
    SET_INSTRUMENT_STATE: "SET_INSTRUMENT_STATE",
    MARKS: "MARKS",
    SETTLE_PERPETUAL: "SETTLE_PERPETUAL",
    FUNDING: "FUNDING",
    DELIVER: "DELIVER",
    EXPIRE_DAY: "EXPIRE_DAY",
    SET_RULES: "SET_RULES",
    SET_MODE: "SET_MODE",
    RISK: "RISK",
    RISK_SNAPSHOT: "RISK_SNAPSHOT",
    RISK_SWEEP: "RISK_SWEEP",
    SET_MARGIN_MODEL: "SET_MARGIN_MODEL",
    TRANSFER: "TRANSFER",
    RESOLVE_WITHDRAWAL: "RESOLVE_WITHDRAWAL",
    SET_FEES: "SET_FEES",
    SET_TIER: "SET_TIER",
    SET_CAPS: "SET_CAPS",
    SET_UNDERLYING_STATE: "SET_UNDERLYING_STATE",
    LIQUIDATE: "LIQUIDATE",
    TAKEOVER: "TAKEOVER",
    SHARE_LOSS: "SHARE_LOSS",
    SET_LOCK: "SET_LOCK",
    SET_MMP: "SET_MMP",
    RESET_MMP: "RESET_MMP",
    EXTENDED_ORDER: "EXTENDED_ORDER",
    FIRE: "FIRE",
    REPRICE: "REPRICE",
    SET_ID_WINDOW: "SET_ID_WINDOW",
    BLOCK_TRADE: "BLOCK_TRADE",
    LIST_COMBO: "LIST_COMBO",
    MOVE_POSITIONS: "MOVE_POSITIONS",
    GRANT: "GRANT",
    FORCED_WITHDRAWAL: "FORCED_WITHDRAWAL",
}

# --- flags of GRANT (rules version 5) --------------------------------------------------------------------
GRANT_ACTIVATED: Final = 1
GRANT_REVOKED: Final = 2
GRANT_SIGNED: Final = 3  # a signature over the commands that name it
GRANT_OF_SIGNATURE: Final = 1 << 31  # in a grant's number: it stands for one such signature

# --- event types -----------------------------------------------------------------------------------
EV_REJECTED: Final = 1
EV_ORDER: Final = 2
EV_TRADE: Final = 3
EV_CASH: Final = 4
EV_SETTLED: Final = 5
EV_ACCOUNT: Final = 6
EV_INSTRUMENT: Final = 7
EV_MARKED: Final = 8
EV_DONE: Final = 9
EV_UNDERLYING: Final = 10
EV_RISK: Final = 11
EV_LIQUIDATION: Final = 12
EV_MOVED: Final = 13
EV_FEES: Final = 14
EV_REPEATED: Final = 15
EV_MMP: Final = 16
EV_EXTENDED: Final = 17
EV_DUE: Final = 18
EV_COMBO_TRADE: Final = 19
EV_FORCED: Final = 20

EVENT_NAMES: Final[dict[int, str]] = {
    EV_REJECTED: "REJECTED",
    EV_ORDER: "ORDER",
    EV_TRADE: "TRADE",
    EV_CASH: "CASH",
    EV_SETTLED: "SETTLED",
    EV_ACCOUNT: "ACCOUNT",
    EV_INSTRUMENT: "INSTRUMENT",
    EV_MARKED: "MARKED",
    EV_DONE: "DONE",
    EV_UNDERLYING: "UNDERLYING",
    EV_RISK: "RISK",
    EV_LIQUIDATION: "LIQUIDATION",
    EV_MOVED: "MOVED",
    EV_FEES: "FEES",
    EV_REPEATED: "REPEATED",
    EV_MMP: "MMP",
    EV_EXTENDED: "EXTENDED",
    EV_DUE: "DUE",
    EV_COMBO_TRADE: "COMBO_TRADE",
    EV_FORCED: "FORCED",
}

# Units of the fixed-size events (ORDER has one more when the order left another price level; FEES, one a
# tier, is not among them).
EVENT_UNITS: Final[dict[int, int]] = {
    EV_REJECTED: 2,
    EV_ORDER: 4,
    EV_TRADE: 5,
    EV_CASH: 3,
    EV_SETTLED: 4,
    EV_ACCOUNT: 3,
    EV_INSTRUMENT: 8,
    EV_MARKED: 2,
    EV_DONE: 2,
    EV_UNDERLYING: 2,
    EV_RISK: 7,
    EV_LIQUIDATION: 4,
    EV_MOVED: 2,
    EV_REPEATED: 2,
    EV_MMP: 3,
    EV_EXTENDED: 3,
    EV_DUE: 2,
    EV_COMBO_TRADE: 3,
    EV_FORCED: 2,
}

# --- order flags -----------------------------------------------------------------------------------
FLAG_SELL: Final = 1
TYPE_SHIFT: Final = 1
TYPE_MASK: Final = 3
TYPE_LIMIT: Final = 0
TYPE_MARKET: Final = 1
TYPE_MARKET_LIMIT: Final = 2
TIF_SHIFT: Final = 3
TIF_MASK: Final = 3
TIF_GTC: Final = 0
TIF_GTD: Final = 1
TIF_IOC: Final = 2
TIF_FOK: Final = 3
FLAG_POST_ONLY: Final = 1 << 5
FLAG_REJECT_POST_ONLY: Final = 1 << 6
FLAG_REDUCE_ONLY: Final = 1 << 7
FLAG_QUOTE: Final = 1 << 8
FLAG_MMP: Final = 1 << 9
FLAG_LIQUIDATION: Final = 1 << 10
NEW_FLAGS_ALLOWED: Final = 0xFF
AMEND_PRICE: Final = 1 << 16
AMEND_SIZE: Final = 1 << 17
AMEND_DISPLAY: Final = 1 << 18
AMEND_POST: Final = 1 << 19
AMEND_REDUCE: Final = 1 << 20
AMEND_FLAGS_ALLOWED: Final = 0x1F00E0
# From rules version 3 on.
AMEND_REMAINING: Final = 1 << 21
AMEND_EXPECTED: Final = 1 << 22
AMEND_TRIGGER: Final = 1 << 23
AMEND_OFFSET: Final = 1 << 24
AMEND_VOLATILITY: Final = 1 << 25
NEW_FLAGS_ALLOWED_3: Final = NEW_FLAGS_ALLOWED | FLAG_MMP
AMEND_FLAGS_ALLOWED_3: Final = 0x3FF00E0

# --- CANCEL_MANY flags -----------------------------------------------------------------------------
SCOPE_ALL: Final = 0
SCOPE_INSTRUMENT: Final = 1
SCOPE_UNDERLYING: Final = 2
SCOPE_LABEL: Final = 3
SCOPE_LABEL_UNDERLYING: Final = 4
KIND_FILTER_SHIFT: Final = 4
WHICH_SHIFT: Final = 6
WHICH_QUOTES: Final = 1
WHICH_ORDERS: Final = 2
FREEZE_QUOTES: Final = 1 << 8  # rules 3, as are the type and the next
MANY_DISCONNECTED: Final = 1 << 12
ONE_DISCONNECTED: Final = 1  # of CANCEL
TYPE_FILTER_SHIFT: Final = 9
TYPE_FILTER_MASK: Final = 7
FILTER_ANY: Final = 0
FILTER_PLAIN: Final = 1
FILTER_TRIGGERS: Final = 2
FILTER_STOP: Final = 3
FILTER_TAKE: Final = 4
FILTER_TRAILING: Final = 5

# --- quote sides -----------------------------------------------------------------------------------
QUOTE_SIZE_MASK: Final = (1 << 28) - 1
QUOTE_PRESENT: Final = 1 << 28
QUOTE_POST_ONLY: Final = 1 << 29
QUOTE_REJECT_POST_ONLY: Final = 1 << 30

# --- instruments -----------------------------------------------------------------------------------
KIND_OPTION: Final = 1
KIND_PERPETUAL: Final = 2
KIND_COMBO: Final = 3  # rules 4
OPTION_NONE: Final = 0
OPTION_CALL: Final = 1
OPTION_PUT: Final = 2
STATE_OPEN: Final = 0
STATE_CANCEL_ONLY: Final = 1
STATE_HALTED: Final = 2
STATE_DELISTED: Final = 3
STATE_DELIVERED: Final = 4
MODE_OPEN: Final = 0
MODE_CANCEL_ONLY: Final = 1
STP_REJECT_TAKER: Final = 0
STP_CANCEL_MAKER: Final = 1

# --- order events ----------------------------------------------------------------------------------
ORDER_PLACED: Final = 1
ORDER_FILLED: Final = 2
ORDER_CANCELLED: Final = 3
ORDER_AMENDED: Final = 4
ORDER_TRIGGERED: Final = 5
ORDER_STATE_OPEN: Final = 1
ORDER_STATE_FILLED: Final = 2
ORDER_STATE_CANCELLED: Final = 3
ORDER_STATE_UNTRIGGERED: Final = 4

CANCEL_USER: Final = 1
CANCEL_IOC: Final = 2
CANCEL_FOK: Final = 3
CANCEL_NO_LIQUIDITY: Final = 4
CANCEL_SELF_TRADE: Final = 5
CANCEL_REDUCE_ONLY: Final = 6
CANCEL_QUOTE_FAILED: Final = 7
CANCEL_POST_ONLY_EDIT: Final = 8
CANCEL_DAY_END: Final = 9
CANCEL_DELIVERY: Final = 10
CANCEL_LIQUIDATION: Final = 11
CANCEL_MMP: Final = 12
CANCEL_MMP_CONFIG: Final = 13
CANCEL_TRIGGER_REFUSED: Final = 14
CANCEL_OCO: Final = 15
CANCEL_PRIMARY_CLOSED: Final = 16
CANCEL_REPRICE_REFUSED: Final = 17
CANCEL_MARGIN: Final = 18
CANCEL_DISCONNECTED: Final = 19
CANCEL_MEETINGS: Final = 20
CANCEL_FORCED: Final = 21

# --- triggers, links, market-maker protection (rules version 3) -----------------------------------
TRIGGER_NONE: Final = 0
TRIGGER_STOP: Final = 1
TRIGGER_TAKE: Final = 2
TRIGGER_TRAILING: Final = 3
SOURCE_NONE: Final = 0
SOURCE_INDEX: Final = 1
SOURCE_MARK: Final = 2
SOURCE_LAST: Final = 3
LINK_NONE: Final = 0
LINK_OCO: Final = 1
LINK_OTO: Final = 2
LINK_OTOCO: Final = 3
LINK_MEMBERS: Final[dict[int, int]] = {LINK_NONE: 0, LINK_OCO: 1, LINK_OTO: 1, LINK_OTOCO: 2}
FILL_FIRST_HIT: Final = 0
FILL_COMPLETE: Final = 1
FILL_INCREMENTAL: Final = 2
MMP_SET: Final = 1
MMP_REMOVED: Final = 2
MMP_TRIPPED: Final = 3
MMP_RESET: Final = 4
MMP_UNTIL_RESET: Final = -1

# --- CASH and SETTLED kinds ------------------------------------------------------------------------
CASH_DEPOSIT: Final = 1
CASH_WITHDRAWAL: Final = 2
CASH_WITHDRAWAL_PAID: Final = 3
CASH_WITHDRAWAL_CANCELLED: Final = 4
CASH_TRANSFER: Final = 5
CASH_TAKEOVER: Final = 6
CASH_MOVED: Final = 7  # rules 5
CASH_FORCED: Final = 8  # rules 6
SETTLED_DELIVERY: Final = 1
SETTLED_PERPETUAL: Final = 2
SETTLED_FUNDING: Final = 3

# --- risk (rules version 2) ------------------------------------------------------------------------
MODEL_STANDARD: Final = 0
MODEL_PORTFOLIO: Final = 1
LIQUIDATION_NONE: Final = 0
LIQUIDATION_CLOSING: Final = 1
LIQUIDATION_AUCTION: Final = 2
LIQUIDATION_DEFICIT: Final = 3
WITHDRAWAL_PAID: Final = 0
WITHDRAWAL_CANCELLED: Final = 1
TRADE_LIQUIDATION: Final = 2  # flag of TRADE: the taker is being liquidated
TRADE_BLOCK: Final = 4  # it is part of a block (rules 3)
TRADE_COMBO: Final = 8  # it is part of the COMBO_TRADE before it (rules 4)
TRADE_RESTS: Final = 16  # and its taker rests (implied out)
RISK_WORDS: Final = 24  # w4…w27 of RISK

# Kinds of LIQUIDATION.
LIQ_STARTED: Final = 1
LIQ_ORDERS: Final = 2
LIQ_PERPETUAL: Final = 3
LIQ_OPTION: Final = 4
LIQ_AUCTION: Final = 5
LIQ_TAKEOVER: Final = 6
LIQ_ENDED: Final = 7
LIQ_FUND: Final = 8
LIQ_SHARED: Final = 9
LIQ_DEFICIT: Final = 10
LIQ_FAMILY: Final = 11
LIQUIDATION_NAMES: Final[dict[int, str]] = {
    LIQ_STARTED: "started",
    LIQ_ORDERS: "orders_cancelled",
    LIQ_PERPETUAL: "perpetual_slice",
    LIQ_OPTION: "option_slice",
    LIQ_AUCTION: "auction_started",
    LIQ_TAKEOVER: "taken_over",
    LIQ_ENDED: "ended",
    LIQ_FUND: "covered_by_insurance_fund",
    LIQ_SHARED: "loss_shared",
    LIQ_DEFICIT: "deficit",
    LIQ_FAMILY: "covered_by_family",
}

# --- combos (rules version 4) -----------------------------------------------------------------------
# Kinds of COMBO_TRADE.
COMBO_BOOK: Final = 0
COMBO_IN: Final = 1
COMBO_OUT: Final = 2
