"""Use case: a person says from the office that an alert is no problem, and why; and takes that back.

It rides in the area's log like every other decision: there the alert is withdrawn, and muted until its condition is gone. The meter is
less suspect for some weeks, and the ranking learns a little, as from a weak finding. It is no inspection and never counts as one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from inspection import lifecycle
from metering.alert import Alert
from metering.catalogue import CATALOGUE
from metering.dismissal import BENIGN_REASONS, OTHER, Dismissal, dismissal_of
from metering.errors import MeterwatchError, NotFound
from metering.identity import identity
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.messages import Decision
from metering.ports import StateStore
from operations.move_task import Encode, decision_of

TRAIL = "dismissals"
KIND, KIND_UNDO = "alert.not_a_problem", "alert.not_a_problem.undo"
#: The same in the trail of the alert.
_MOVE, _MOVE_UNDO = "not_a_problem", "undo_not_a_problem"


@dataclass(frozen=True, slots=True)
class DismissalLife:
    """A person's word as it stands; `undo` is who took it back, when and why."""

    dismissal: Dismissal
    undo: AuditEntry | None = None


def not_a_problem(
    store: StateStore, alert_id: str, *, because: str, by: str, now_s: int, encode: Encode, note: str = ""
) -> Dismissal:
    """Put a person's word onto the area's log, and withdraw the tasks that nobody has taken up and that have no other open alert.

    Raises `NotFound` where there is no such alert, `MeterwatchError` where it is not open, no name is given, the reason is not in the list or does
    not settle a hazard, and `StaleVersion` where its task was moved in the same moment.
    """
    by, note = by.strip(), note.strip()
    alert = _open_alert(store, alert_id)
    _check(alert, because, by, note)
    before = sum(life.dismissal.alert_id == alert_id for life in dismissals(store))
    said = Dismissal(
        dismissal_id=identity("dismissal", alert_id, before),
        alert_id=alert_id,
        transformer_area=alert.transformer_area,
        meter_id=alert.meter_id,
        abnormality=alert.abnormality,
        said_at_s=now_s,
        by=by,
        because=because,
        note=note,
    )
    why = f"not a problem: {because}" + (f": {note}" if note else "")
    withdrawn = [
        lifecycle.withdraw(task, actor=by, at_s=max(now_s, task.opened_at_s), reason=why)
        for task in store.tasks_of_alert(alert_id)
        if _needs_no_visit(store, task, alert_id)
    ]
    decision = Decision(
        identity("decision", KIND, said.dismissal_id), alert.transformer_area, now_s, KIND, by, alert_id, asdict(said)
    )
    lines = [
        AuditEntry(alert_id, now_s, by, _MOVE, alert.state, "withdrawn", why.removeprefix("not a problem: ")),
        AuditEntry(TRAIL, now_s, by, KIND, "", json.dumps(asdict(said), sort_keys=True), note),
        *(audit for _, audit in withdrawn),
    ]
    messages = [decision, *(decision_of(task, audit) for task, audit in withdrawn)]
    store.record_decisions(
        lines,
        [(m.transformer_area, encode(m)) for m in messages],
        [(task, task.version - 1) for task, _ in withdrawn],
    )
    return said


def take_back(store: StateStore, alert_id: str, *, by: str, reason: str, now_s: int, encode: Encode) -> Dismissal:
    """Take back what was said last of an alert: it stands again while its condition lasts, and what was learnt is unlearnt.

    A task that was withdrawn stays so; the next day that closes opens another where it is due. Raises `MeterwatchError` where nothing stands, or no
    name or reason is given.
    """
    by, reason = by.strip(), reason.strip()
    if not by or not reason:
        raise MeterwatchError(
            "to take back a word needs a name and a reason: somebody answers for the alert that comes back"
        )
    said = standing(store, alert_id)
    if said is None:
        raise MeterwatchError(
            f"nobody said of alert {alert_id!r} that it is no problem, or it was taken back already; `meterwatch alerts dismissed` shows what stands"
        )
    decision = Decision(
        identity("decision", KIND_UNDO, said.dismissal_id),
        said.transformer_area,
        now_s,
        KIND_UNDO,
        by,
        alert_id,
        asdict(said),
    )
    lines = [
        AuditEntry(alert_id, now_s, by, _MOVE_UNDO, "withdrawn", "raised", reason),
        AuditEntry(TRAIL, now_s, by, KIND_UNDO, "", json.dumps(asdict(said), sort_keys=True), reason),
    ]
    store.record_decisions(lines, [(said.transformer_area, encode(decision))])
    return said


def dismissals(store: StateStore) -> Sequence[DismissalLife]:
    """Everything that was ever said, in order."""
    lives: dict[str, DismissalLife] = {}
    for entry in store.audit(TRAIL):
        said = dismissal_of(json.loads(entry.to_state))
        lives[said.dismissal_id] = DismissalLife(said, entry if entry.move == KIND_UNDO else None)
    return list(lives.values())


def life_of(store: StateStore, alert_id: str) -> DismissalLife | None:
    """What was said of the alert last, whether it stands or not."""
    return next((life for life in reversed(dismissals(store)) if life.dismissal.alert_id == alert_id), None)


def standing(store: StateStore, alert_id: str) -> Dismissal | None:
    """What was said of the alert and not taken back."""
    life = life_of(store, alert_id)
    return None if life is None or life.undo is not None else life.dismissal


def dismissal_in(decision: Decision) -> Dismissal:
    """What a decision of `KIND` or `KIND_UNDO` is about."""
    told: Mapping[str, object] = decision.detail
    return dismissal_of(told)


def _open_alert(store: StateStore, alert_id: str) -> Alert:
    alert = store.alert(alert_id)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id!r}")
    if (said := standing(store, alert_id)) is not None:
        raise MeterwatchError(f"{said.by} said already that alert {alert_id} is no problem: {said.why.name_en}")
    if not alert.is_open:
        raise MeterwatchError(f"alert {alert_id} is {alert.state}: only what is open can be called no problem")
    return alert


def _check(alert: Alert, because: str, by: str, note: str) -> None:
    if not by:
        raise MeterwatchError("to call an alert no problem needs a name: somebody answers for what is not visited")
    why = BENIGN_REASONS.get(because)
    if why is None:
        known = "; ".join(f"{code}: {reason.name_en}" for code, reason in BENIGN_REASONS.items())
        raise MeterwatchError(f"{because!r} is no reason of the list. It has {known}")
    if because == OTHER and not note:
        raise MeterwatchError("another reason than those of the list needs a note that says which")
    if CATALOGUE[alert.abnormality].lane == "hazard" and not why.settles_hazards:
        settling = ", ".join(code for code, reason in BENIGN_REASONS.items() if reason.settles_hazards)
        raise MeterwatchError(
            f"{alert.abnormality} is a hazard: it is no problem only for {settling}; else somebody has to look"
        )


def _needs_no_visit(store: StateStore, task: InspectionTask, alert_id: str) -> bool:
    """Whether nobody has taken the task up, and nothing but this alert is open behind it."""
    others = (store.alert(other) for other in task.alert_ids if other != alert_id)
    return task.state is TaskState.OPEN and not any(alert is not None and alert.is_open for alert in others)
