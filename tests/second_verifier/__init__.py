"""A second verifier of settlement format 2, written from docs/protocol.md and docs/codec-5.md alone.

It shares no line with `settlement`: it is slow, short, and exists so that a sentence missing in those pages
shows. `chain.py` follows headers and payloads, `coding.py` decodes, `state.py` holds and hashes, the modules
`steps_…` say what a step does.
"""
