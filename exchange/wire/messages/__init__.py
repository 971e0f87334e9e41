"""What requests, replies and pushes consist of: one declaration per object, method and channel.

Objects are typed dictionaries, the very dictionaries that the venue encodes. What is declared here is what
`/api/v2/openapi.json` and `/api/v2/asyncapi.json` say (`exchange.wire.documents`); tests hold every reply,
every push and every parameter that a handler reads against it.
"""
