"""Use cases: people acknowledge, assign, comment and hand over alerts.

Each act is conditional on the version that the person saw, lies in the audit trail of its alert, and rides in the area's log
like every other decision. It changes nothing that the machine judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from alerts import handling as acts
from alerts.handling import Handled
from metering.alert import Alert, AlertState
from metering.catalogue import CATALOGUE
from metering.errors import NotFound, StaleVersion
from metering.handling import AlertHandling
from metering.inspection import AuditEntry
from metering.messages import Decision
from metering.ports import StateStore
from operations.move_task import Encode

#: The kind of the decision by which an acknowledgement rides in the area's log.
ACKNOWLEDGED = "alert.acknowledge"


def acknowledge_alert(
    store: StateStore, alert_id: str, seen: int | None, *, actor: str, now_s: int, encode: Encode, note: str = ""
) -> AlertHandling:
    """Say that somebody has seen it. Raises `NotFound`, `StaleVersion`, `IllegalMove`; see `_handle`."""
    return _handle(
        store, alert_id, seen, lambda a, h: acts.acknowledge(a, h, actor=actor, at_s=now_s, note=note), encode
    )


def assign_alert(
    store: StateStore,
    alert_id: str,
    seen: int | None,
    *,
    owner: str,
    actor: str,
    now_s: int,
    encode: Encode,
    note: str = "",
) -> AlertHandling:
    """Give it to an owner. Raises `NotFound`, `StaleVersion`, `IllegalMove`; see `_handle`."""
    return _handle(
        store, alert_id, seen, lambda a, h: acts.assign(a, h, owner=owner, actor=actor, at_s=now_s, note=note), encode
    )


def unassign_alert(
    store: StateStore, alert_id: str, seen: int | None, *, actor: str, now_s: int, encode: Encode, note: str
) -> AlertHandling:
    """Take it from its owner. Raises `NotFound`, `StaleVersion`, `IllegalMove`; see `_handle`."""
    return _handle(store, alert_id, seen, lambda a, h: acts.unassign(a, h, actor=actor, at_s=now_s, note=note), encode)


def comment_alert(
    store: StateStore, alert_id: str, seen: int | None, *, actor: str, now_s: int, encode: Encode, note: str
) -> AlertHandling:
    """Leave words with it. Raises `NotFound`, `StaleVersion`, `IllegalMove`; see `_handle`."""
    return _handle(store, alert_id, seen, lambda a, h: acts.comment(a, h, actor=actor, at_s=now_s, note=note), encode)


def hand_over_alert(
    store: StateStore,
    alert_id: str,
    seen: int | None,
    *,
    owner: str,
    actor: str,
    now_s: int,
    encode: Encode,
    note: str,
) -> AlertHandling:
    """Give it to the next shift. Raises `NotFound`, `StaleVersion`, `IllegalMove`; see `_handle`."""
    return _handle(
        store,
        alert_id,
        seen,
        lambda a, h: acts.hand_over(a, h, owner=owner, actor=actor, at_s=now_s, note=note),
        encode,
    )


def _handle(
    store: StateStore,
    alert_id: str,
    seen: int | None,
    act: Callable[[Alert, AlertHandling], Handled],
    encode: Encode,
) -> AlertHandling:
    """Do the act if the handling still is the version `seen` (None: whatever it is); save, audit and relay in one transaction.

    `NotFound` if there is no such alert; `StaleVersion` if somebody acted meanwhile; `IllegalMove` if the act is not possible.
    """
    alert = subject_of(store, alert_id)
    before = store.handling(alert_id)
    if seen is not None and before.version != seen:
        raise StaleVersion(
            f"alert {alert_id} was handled by somebody else (version {before.version}, you saw {seen}): "
            "read it again, then decide again"
        )
    handled, audit = act(alert, before)
    store.handle_alert(handled, before.version, audit, alert.transformer_area, encode(_decision(alert, handled, audit)))
    return handled


def subject_of(store: StateStore, alert_id: str) -> Alert:
    """The alert that people act on. What was only announced (the monitor's own alerts, another system's) stands as its last
    announcement says. Raises `NotFound`."""
    alert = store.alert(alert_id)
    if alert is not None:
        return alert
    turns = sorted(store.announcements(alert_id), key=lambda turn: (turn.at_s, turn.episode, turn.turn.is_end))
    if not turns:
        raise NotFound(f"there is no alert {alert_id}")
    first, last = turns[0], turns[-1]
    kind = CATALOGUE.get(last.abnormality)
    return Alert(
        alert_id=alert_id,
        transformer_area=last.transformer_area,
        meter_id=last.meter_id,
        service_point="",
        abnormality=last.abnormality,
        family="" if kind is None else kind.family,
        grade=last.grade,
        risk=math.nan,
        raised_at_s=first.at_s,
        cleared_at_s=last.at_s if last.turn.is_end else None,
        state=AlertState(last.turn.value) if last.turn.is_end else AlertState.RAISED,
        observed=math.nan,
        expected=math.nan,
        unit="",
        reasons=(),
        since_s=first.at_s,
        episodes=last.episode,
    )


def _decision(alert: Alert, handled: AlertHandling, audit: AuditEntry) -> Decision:
    """The act as it rides in the area's log; its id is the same however often it is relayed."""
    return Decision(
        decision_id=f"{alert.alert_id}.{handled.version}",
        transformer_area=alert.transformer_area,
        decided_at_s=audit.at_s,
        kind=f"alert.{audit.move}",
        decided_by=audit.actor,
        subject_id=alert.alert_id,
        detail={"episode": alert.episodes, "owner": handled.owner, "reason": audit.reason},
    )
