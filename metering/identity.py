"""Deterministic identities: the same facts give the same id on every machine and in every run."""

from __future__ import annotations

from hashlib import blake2b


def identity(kind: str, *facts: str | int) -> str:
    """A 16-digit hexadecimal id of `kind` (one of ``alert``, ``task``, ``finding``) made from `facts`.

    >>> identity("alert", "SP-1", "over_capacity", 1767225600)
    'a-b1463160f9bbcc0f'
    """
    digest = blake2b("\x1f".join([kind, *map(str, facts)]).encode(), digest_size=8).hexdigest()
    return f"{kind[0]}-{digest}"
