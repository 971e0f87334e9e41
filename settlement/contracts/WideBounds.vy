# pragma version 0.4.3
"""
@title Bounds, wide
@notice In place of `bounds`: a witness with all 1,024 underlyings, and accounts of 2,048 pages.
"""

FIELDS: constant(uint256) = 35328  # bytes of the packed part of a witness
PAGES: constant(uint256) = 131072  # bytes of an account's page list: 64 a page
