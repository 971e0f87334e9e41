"""The state transition of settlement format 2 (docs/protocol.md): pure, integers only, no I/O.

`rules.apply` does one step, `chunks` executes chunks and commits to the trace, `lowering` makes steps of the
ledger's operations, `witness` and `onestep` prove and execute one step without the state.
"""
