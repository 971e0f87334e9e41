# pragma version 0.4.3
"""
@title Bounds
@notice How much a step's witness may hold. Of the contracts of steps there is a wide variant each, the same source with
    `WideBounds` in place of this: memory costs by bounds, so steps within these are executed cheaper.
"""

FIELDS: constant(uint256) = 2560  # bytes of the packed part of a witness
PAGES: constant(uint256) = 2048  # bytes of an account's page list: 64 a page
