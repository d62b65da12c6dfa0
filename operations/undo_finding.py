"""Use case: a person takes a finding back (wrong meter, wrong sheet, an appeal upheld): nothing goes on learning from it.

It rides in the area's log like every other decision, so that a replay of the log unlearns the same. The finding itself,
its task and the audit trail stay as they are: what was written down was written down.
"""

from __future__ import annotations

from metering.errors import MeterwatchError
from metering.identity import identity
from metering.inspection import AuditEntry
from metering.messages import Decision, Finding
from metering.ports import StateStore
from operations.move_task import Encode

KIND = "finding.undo"
_MOVE = "undo"


def undone_by(store: StateStore, finding_id: str) -> AuditEntry | None:
    """Who took the finding back, when and why; None where nobody did."""
    return next((entry for entry in store.audit(finding_id) if entry.move == _MOVE), None)


def undo_finding(store: StateStore, finding_id: str, *, by: str, reason: str, now_s: int, encode: Encode) -> Finding:
    """Put the decision onto the area's log; the next day that closes learns anew without the finding.

    Raises `MeterwatchError` where there is no such finding, it was taken back already, or no name or reason is given.
    """
    if not by.strip() or not reason.strip():
        raise MeterwatchError("to undo a finding needs a name and a reason: somebody answers for what is unlearnt")
    finding = next((f for f in store.findings() if f.finding_id == finding_id), None)
    if finding is None:
        raise MeterwatchError(f"there is no finding {finding_id!r}; `meterwatch findings list` shows those there are")
    if (already := undone_by(store, finding_id)) is not None:
        raise MeterwatchError(f"finding {finding_id} was taken back already, by {already.actor}: {already.reason}")
    detail = {"finding_id": finding_id, "meter_id": finding.meter_id, "confirmed": finding.confirmed}
    decision = Decision(
        identity("decision", KIND, finding_id), finding.transformer_area, now_s, KIND, by.strip(), finding_id, detail
    )
    entry = AuditEntry(finding_id, now_s, by.strip(), _MOVE, "", "undone", reason.strip())
    store.record_decision(finding.transformer_area, entry, encode(decision))
    return finding
