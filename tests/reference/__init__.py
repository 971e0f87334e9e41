"""The slow, obvious exchange: docs/rules.md written down once more, to judge the compiled core by.

Written from the rules alone. Python integers (nothing wraps), sorted containers for books, one object per
order. It shares only `exchange.domain` with the engine it judges.
"""
