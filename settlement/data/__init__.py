"""Where a batch's payload is published: calldata, blobs, or an external store; and what keeps it readable."""
