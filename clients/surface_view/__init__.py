"""`strikebook surface`: the volatility surface as pictures, from a running exchange or from a file.

It lives among the clients because that is all it is: it reads the public API like anyone else, and computes
with `pricing`. The venue itself never draws, so it never depends on a plotting library.
"""
