"""OpenAPI and AsyncAPI documents, made from the messages' declarations (`exchange.wire.messages`)."""
