"""The contracts of settlement, in Vyper, and what it takes to compile, deploy and call them.

The sources (`*.vy`) are package data, compiled at first use (`compiler`). `abi` encodes calls, `evm` says
what an Ethereum machine must do for us, `revm` is the one in process. docs/contracts.md describes the
contracts themselves.
"""
