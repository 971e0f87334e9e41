"""Index feeds, the mark loop and the Greeks the edge shows.

Floats live here and in `pricing`; what leaves for the core is one packed MARKS command per underlying,
integers only. Nothing here reads a clock: time is the argument of `advance` and `step`.
"""
