"""The audit trail as the API gives it."""

from __future__ import annotations

from datetime import datetime

from desk.api.schemas import Page, Sent, moment
from metering.inspection import AuditEntry


class AuditLine(Sent):
    """Who did what, from where to where, when (event time) and why. In the trail `curves`, `from_state` is the meter or area that was
    looked at and `to_state` the span."""

    at: datetime
    by: str
    what: str
    from_state: str
    to_state: str
    words: str

    @classmethod
    def of(cls, line: AuditEntry) -> AuditLine:
        return cls(
            at=moment(line.at_s),
            by=line.actor,
            what=line.move,
            from_state=line.from_state,
            to_state=line.to_state,
            words=line.reason,
        )


class AuditList(Page):
    lines: tuple[AuditLine, ...]
