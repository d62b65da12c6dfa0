"""Use cases: a person silences a meter or an area for a while, with a reason and an end; or ends a silence early.

A silence keeps new inspection tasks from opening. It hides nothing: alerts go on, are shown, and say so. It rides in the
area's log like every other decision, so that a replay of the log silences the same alerts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from metering.alert import Alert
from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.errors import MeterwatchError
from metering.identity import identity
from metering.inspection import AuditEntry
from metering.messages import Decision
from metering.ports import StateStore
from operations.move_task import Encode

TRAIL = "silences"
KIND, KIND_END = "silence", "silence.end"


@dataclass(frozen=True, slots=True)
class Silence:
    """`meter_id` None: the whole area; `abnormality` None: every kind. In force while event time < `until_s`."""

    silence_id: str
    transformer_area: str
    meter_id: str | None
    abnormality: str | None
    until_s: int
    by: str
    reason: str

    def covers(self, alert: Alert, at_s: int) -> bool:
        return (
            at_s < self.until_s
            and alert.transformer_area == self.transformer_area
            and self.meter_id in (None, alert.meter_id)
            and self.abnormality in (None, alert.abnormality)
        )


def add_silence(
    store: StateStore,
    archive: Archive,
    *,
    meter_id: str | None,
    transformer_area: str | None,
    abnormality: str | None,
    until_s: int,
    by: str,
    reason: str,
    now_s: int,
    encode: Encode,
) -> Silence:
    """Put a silence onto its area's log. Raises `MeterwatchError` where something is missing, unknown or over already."""
    if not by.strip() or not reason.strip():
        raise MeterwatchError("a silence needs a name and a reason: somebody answers for what is not visited")
    at = archive.calendar.text
    if until_s <= now_s:
        raise MeterwatchError(f"the silence would end at {at(until_s)}, before it begins ({at(now_s)})")
    if abnormality is not None and abnormality not in CATALOGUE:
        raise MeterwatchError(f"{abnormality!r} is not in the catalogue; its codes are {', '.join(CATALOGUE)}")
    if (meter_id is None) == (transformer_area is None):
        raise MeterwatchError("name either a meter or a transformer area")
    area = transformer_area if meter_id is None else archive.area_of(meter_id, now_s)
    if area is None or area not in archive.areas:
        raise MeterwatchError(
            f"the archive knows no {'area ' + repr(area) if meter_id is None else 'meter ' + repr(meter_id)}"
        )
    silence = Silence(
        identity(KIND, area, meter_id or "", abnormality or "", until_s, now_s),
        area, meter_id, abnormality, until_s, by.strip(), reason.strip(),
    )  # fmt: skip
    _put(store, silence, KIND, silence.by, silence.reason, now_s, encode)
    return silence


def end_silence(store: StateStore, silence_id: str, *, by: str, reason: str, now_s: int, encode: Encode) -> Silence:
    """End a silence before its time. Raises `MeterwatchError` where there is none of that id in force."""
    silence = next((s for s in silences(store, now_s) if s.silence_id == silence_id), None)
    if silence is None:
        raise MeterwatchError(f"no silence {silence_id!r} is in force; `meterwatch silence list` shows those that are")
    _put(store, silence, KIND_END, by, reason, now_s, encode)
    return silence


def silences(store: StateStore, now_s: int) -> Sequence[Silence]:
    """Those in force at `now_s`, in the order they were made."""
    standing: dict[str, Silence] = {}
    for entry in store.audit(TRAIL):
        silence = Silence(**json.loads(entry.to_state))
        if entry.move == KIND:
            standing[silence.silence_id] = silence
        else:
            standing.pop(silence.silence_id, None)
    return [s for s in standing.values() if now_s < s.until_s]


def silence_of(decision: Decision) -> Silence:
    return Silence(**dict(decision.detail))


def _put(store: StateStore, silence: Silence, kind: str, by: str, reason: str, now_s: int, encode: Encode) -> None:
    detail: Mapping[str, object] = asdict(silence)
    decision = Decision(
        identity("decision", kind, silence.silence_id),
        silence.transformer_area,
        now_s,
        kind,
        by,
        silence.silence_id,
        detail,
    )
    entry = AuditEntry(TRAIL, now_s, by, kind, "", json.dumps(detail, sort_keys=True), reason)
    store.record_decision(silence.transformer_area, entry, encode(decision))
