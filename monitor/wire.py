"""Messages that wait in the relay outbox: wire value and headers as one blob of bytes."""

from __future__ import annotations

import base64

import orjson

from metering.messages import Message
from streams.codecs import Headers, encode


def relay_bytes(message: Message) -> bytes:
    """A finding or decision as it will go onto the log, headers and all."""
    value, headers = encode(message)
    return orjson.dumps(
        {
            "headers": [[name, base64.b64encode(content).decode()] for name, content in headers],
            "value": base64.b64encode(value).decode(),
        }
    )


def from_relay(blob: bytes) -> tuple[bytes, Headers]:
    """(value, headers) of what `relay_bytes` gave."""
    found = orjson.loads(blob)
    headers = [(name, base64.b64decode(content)) for name, content in found["headers"]]
    return base64.b64decode(found["value"]), headers
