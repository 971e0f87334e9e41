"""Codec 5: a batch's steps as bytes and back, exactly. docs/codec-5.md says it byte by byte.

`plain` decodes one chunk in the operations a contract has; `lanes` does all chunks of a batch at once and is
judged by it.
"""
