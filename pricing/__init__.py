"""Pure numeric functions: Black-76 and Greeks, implied volatility, surfaces, live chains, quantisation.

Floats in, floats out, over whole arrays; no clock, no randomness, no input or output. `pricing.quantize`
is the only door from floats to the integers of the core.
"""
