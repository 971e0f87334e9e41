"""The packed protocol `strikebook.v1`: types, sizes and word contents of docs/fast-lane.md, as constants.

A message is a header of one unit and whole units behind it, little-endian, as all packed records.
"""

from __future__ import annotations

from typing import Final

PROTOCOL: Final = "strikebook.v1"
VERSION: Final = 1
COMMANDS_MAX: Final = 100
"""Commands in one message; a mass quote counts as one."""

# What clients send.
HELLO: Final = 1
COMMANDS: Final = 2
# What the venue sends.
WELCOME: Final = 129
ACKS: Final = 130
FILLS: Final = 131
ERROR: Final = 132

# Flags of HELLO.
HELLO_FILLS: Final = 1
HELLO_CANCEL_ON_DISCONNECT: Final = 2
HELLO_FLAGS: Final = 3

ACK_BYTES: Final = 64
FILL_BYTES: Final = 96
COUNT_MAX: Final = 0x7FFF

# Status of an acknowledgement.
ACCEPTED: Final = 0
REJECTED: Final = 1
SIDE_REFUSED: Final = 2
REPEATED: Final = 3

# What is wrong with a message's commands.
CUT_SHORT: Final = 1
UNKNOWN_COMMAND: Final = 2
WRONG_VERSION: Final = 3
WRONG_UNITS: Final = 4
NOT_ZERO: Final = 5
WRONG_COUNT: Final = 6
FAULTS: Final[dict[int, str]] = {
    CUT_SHORT: "the message ends inside a record",
    UNKNOWN_COMMAND: "a command type that is not taken here",
    WRONG_VERSION: "a record version other than 1",
    WRONG_UNITS: "a record of another length than its type has",
    NOT_ZERO: "account, grant, label or venue's flags that are not zero",
    WRONG_COUNT: "the count is not that of the commands, or not 1 to 100",
}
