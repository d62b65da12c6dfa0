"""How a receiver knows that a message is ours and fresh: HMAC-SHA256 over the time of sending and the body.

The header is ``v1=HEX``; while a secret is changed it holds one for the new and one for the old, and either may be checked.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

TIMESTAMP, SIGNATURE, KEY = "X-Meterwatch-Timestamp", "X-Meterwatch-Signature", "Idempotency-Key"
#: A receiver should refuse what is older: somebody may have kept it.
FRESH_S = 300


def sign(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """
    >>> sign(["s3cret"], 1767225600, b"{}")[:19]
    'v1=29ee05578fef2178'
    """
    signed = f"{timestamp}.".encode() + body
    return ",".join("v1=" + hmac.new(secret.encode(), signed, "sha256").hexdigest() for secret in secrets)


def verified(secret: str, timestamp: int, body: bytes, header: str, now_s: float) -> bool:
    """Whether one of the header's signatures is ours and the message is fresh."""
    ours = sign([secret], timestamp, body)
    return abs(now_s - timestamp) <= FRESH_S and any(hmac.compare_digest(ours, each) for each in header.split(","))
