"""What a person's word on an alert does to its area, in the log's order: it withdraws the alert, until an inspection knows better."""

from __future__ import annotations

from metering.alert import Alert
from metering.messages import Decision, Finding
from operations.announce import alerts_changed
from operations.area import AreaInProgress, Outcome
from operations.not_a_problem import KIND, KIND_UNDO, dismissal_in

KINDS = (KIND, KIND_UNDO)


def hear_dismissal(area: AreaInProgress, decision: Decision, outcome: Outcome) -> None:
    """Take in that an alert is no problem, or that this was taken back."""
    said = dismissal_in(decision)
    changed = None
    if decision.kind == KIND and said.dismissal_id not in area.dismissals:
        area.dismissals[said.dismissal_id] = said
        area.dismissed.append(said)
        changed = area.bank.dismiss(said)
    elif decision.kind == KIND_UNDO:
        area.undone.append(said.dismissal_id)
        # where an inspection settled the meter meanwhile, nothing stands any more that could be taken back here
        if area.dismissals.pop(said.dismissal_id, None) is not None:
            changed = area.bank.reinstate(said, decision.decided_at_s, decision.decided_by)
    area.touch("progress")
    area.touch("bank")
    alerts_changed(area, () if changed is None else (changed,), decision.decided_at_s, outcome)


def outrank_dismissals(area: AreaInProgress, finding: Finding, row: int) -> list[Alert]:
    """An inspection settles what was said of its meter from the office: alerts that stand again because something was found."""
    meter_id = None if area.area.is_supply[row] else finding.meter_id
    again = []
    for said in [d for d in area.dismissals.values() if d.meter_id == meter_id]:
        del area.dismissals[said.dismissal_id]
        if finding.confirmed:
            again.append(area.bank.reinstate(said, finding.found_at_s, finding.found_by))
    return [alert for alert in again if alert is not None]
