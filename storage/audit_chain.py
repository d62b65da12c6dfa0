"""The audit trail's hash chain: each line carries the hash of the one before it, so a changed line shows."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from metering.inspection import AuditEntry

#: What the first line of a subject names as its predecessor.
BEGINNING = ""


def entry_hash(previous_hash: str, sequence: int, entry: AuditEntry) -> str:
    """Hash of one line and, through `previous_hash`, of all lines of its subject before it.

    >>> entry_hash("", 1, AuditEntry("t-1", 0, "ranker", "open", "", "open"))
    '7ee8cce6a229dcdc50d420a392bce4d7'
    """
    facts = [
        previous_hash,
        sequence,
        entry.subject_id,
        entry.at_s,
        entry.actor,
        entry.move,
        entry.from_state,
        entry.to_state,
        entry.reason,
    ]
    return blake2b(orjson.dumps(facts), digest_size=16).hexdigest()


def chained_row(last: Mapping[str, Any] | None, entry: AuditEntry) -> dict[str, Any]:
    """The row that follows `last` (None = the first of its subject)."""
    previous_hash = BEGINNING if last is None else str(last["entry_hash"])
    sequence = 1 if last is None else int(last["sequence"]) + 1
    return {
        "subject_id": entry.subject_id,
        "sequence": sequence,
        "at_s": entry.at_s,
        "actor": entry.actor,
        "move": entry.move,
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "reason": entry.reason,
        "previous_hash": previous_hash,
        "entry_hash": entry_hash(previous_hash, sequence, entry),
    }
