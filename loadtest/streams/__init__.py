"""Seeded streams of fills for the settlement benchmark, and how many bits a fill of them holds.

docs/streams.md states the laws; `options_v1` and `options_v2` their figures.
"""
