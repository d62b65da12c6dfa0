"""The acts that people make on an alert, each with its line in the audit trail of the alert.

Functions are pure: they return the handling (version + 1) and its audit line, and leave saving to `operations.handle_alert`.
An act never changes the alert: the machine raises and clears it, inspections confirm or withdraw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from metering.alert import Alert
from metering.errors import IllegalMove
from metering.handling import AlertHandling
from metering.inspection import AuditEntry

Handled = tuple[AlertHandling, AuditEntry]
#: Longer than any name or note that a person writes by hand.
LONGEST_NAME, LONGEST_NOTE = 60, 2000


@dataclass(frozen=True, slots=True)
class ActRule:
    """Whether an act needs an alert that is still raised, and words."""

    needs_raised: bool
    needs_words: bool


ACTS: Mapping[str, ActRule] = {
    "acknowledge": ActRule(needs_raised=True, needs_words=False),
    "assign": ActRule(needs_raised=True, needs_words=False),
    "unassign": ActRule(needs_raised=False, needs_words=True),
    "comment": ActRule(needs_raised=False, needs_words=True),
    "hand_over": ActRule(needs_raised=False, needs_words=True),
}


def possible_acts(alert: Alert, handling: AlertHandling) -> tuple[str, ...]:
    """The acts a person can make now."""
    hidden = set()
    if handling.acknowledges(alert):
        hidden.add("acknowledge")
    if handling.owner is None:
        hidden.add("unassign")
    return tuple(name for name, rule in ACTS.items() if name not in hidden and (alert.is_open or not rule.needs_raised))


def acknowledge(alert: Alert, handling: AlertHandling, *, actor: str, at_s: int, note: str = "") -> Handled:
    """Somebody has seen what the alert says now. Whoever acknowledges an alert without an owner owns it."""
    if alert.is_open and handling.acknowledges(alert):
        raise IllegalMove(f"alert {alert.alert_id} is acknowledged by {handling.acknowledged_by} already")
    acknowledged, audit = _act(alert, handling, "acknowledge", actor, at_s, note, to=f"episode {alert.episodes}")
    return replace(
        acknowledged,
        acknowledged_by=audit.actor,
        acknowledged_at_s=at_s,
        acknowledged_episode=alert.episodes,
        owner=handling.owner or audit.actor,
    ), audit


def assign(alert: Alert, handling: AlertHandling, *, owner: str, actor: str, at_s: int, note: str = "") -> Handled:
    """Give the alert to somebody, who answers for it from now on."""
    owner = _name(owner, f"alert {alert.alert_id} needs the name of its owner")
    assigned, audit = _act(alert, handling, "assign", actor, at_s, note, to=owner)
    return replace(assigned, owner=owner), audit


def unassign(alert: Alert, handling: AlertHandling, *, actor: str, at_s: int, note: str) -> Handled:
    """Nobody answers for the alert any more."""
    if handling.owner is None:
        raise IllegalMove(f"alert {alert.alert_id} has no owner")
    freed, audit = _act(alert, handling, "unassign", actor, at_s, note, to="")
    return replace(freed, owner=None), audit


def comment(alert: Alert, handling: AlertHandling, *, actor: str, at_s: int, note: str) -> Handled:
    """Words that stay with the alert."""
    return _act(alert, handling, "comment", actor, at_s, note, to=handling.owner or "")


def hand_over(alert: Alert, handling: AlertHandling, *, owner: str, actor: str, at_s: int, note: str) -> Handled:
    """Give the alert to the next shift, with what they must know."""
    owner = _name(owner, f"say to whom alert {alert.alert_id} is handed over")
    handed, audit = _act(alert, handling, "hand_over", actor, at_s, note, to=owner)
    return replace(handed, owner=owner), audit


def _act(alert: Alert, handling: AlertHandling, act: str, actor: str, at_s: int, note: str, *, to: str) -> Handled:
    rule, note = ACTS[act], note.strip()
    actor = _name(actor, f"{act} of alert {alert.alert_id} needs the name of the person who decides it")
    if rule.needs_raised and not alert.is_open:
        possible = ", ".join(possible_acts(alert, handling))
        raise IllegalMove(f"alert {alert.alert_id} is {alert.state}, so {act} is not possible; possible is {possible}")
    if rule.needs_words and not note:
        raise IllegalMove(f"{act} of alert {alert.alert_id} needs words: what the next person must know, or why")
    if len(note) > LONGEST_NOTE:
        raise IllegalMove(f"the note has {len(note)} characters; {LONGEST_NOTE} are enough")
    audit = AuditEntry(alert.alert_id, at_s, actor, act, handling.owner or "", to, note)
    return replace(handling, version=handling.version + 1), audit


def _name(name: str, otherwise: str) -> str:
    name = name.strip()
    if not name:
        raise IllegalMove(otherwise)
    if len(name) > LONGEST_NAME:
        raise IllegalMove(f"a name of {len(name)} characters: {LONGEST_NAME} are enough")
    return name
