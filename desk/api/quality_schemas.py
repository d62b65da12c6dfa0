"""What the API says of the readings' quality: rules, meters, and whom to calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from desk.api.overview_schemas import IntakeOut
from desk.api.schemas import Sent, moment
from operations.control_room import intake_of
from operations.data_quality import Candidate, DataQuality, MeterLine, RuleLine, candidates, meter_lines, rule_lines


class RuleFound(Sent):
    """A rule of validation: meter-days since the beginning, meter-days and meters of the last `days`."""

    rule: str
    meter_days: int
    recent: int
    meters: int

    @classmethod
    def of(cls, line: RuleLine) -> RuleFound:
        return cls(rule=line.rule, meter_days=line.meter_days, recent=line.recent, meters=line.meters)


class MeterFound(Sent):
    """A meter of which something was wrong lately: days by rule, the most first; `last` is the newest word."""

    transformer_area: str
    meter_id: str
    rules: Mapping[str, int]
    last: datetime

    @classmethod
    def of(cls, line: MeterLine) -> MeterFound:
        return cls(
            transformer_area=line.transformer_area,
            meter_id=line.meter_id,
            rules=dict(line.rules),
            last=moment(line.last_s),
        )


class CandidateOut(Sent):
    """A meter to calibrate: its error as a share of what it shows; `low` to `high` holds it in nineteen cases of twenty."""

    transformer_area: str
    meter_id: str
    share: float
    low: float
    high: float
    estimated_at: datetime

    @classmethod
    def of(cls, found: Candidate) -> CandidateOut:
        return cls(
            transformer_area=found.transformer_area,
            meter_id=found.meter_id,
            share=found.share,
            low=found.low,
            high=found.high,
            estimated_at=moment(found.estimated_s),
        )


class Quality(Sent):
    """`meters` (with most to say) and `candidates` (with the surest errors) are the first of so many."""

    judged_until: Annotated[datetime, Field(description="up to when readings are judged")]
    days: Annotated[int, Field(description="how far back `recent` and `meters` go")]
    intake: IntakeOut
    rules: tuple[RuleFound, ...]
    meters: tuple[MeterFound, ...]
    meters_count: int
    candidates: tuple[CandidateOut, ...]
    candidates_count: int

    @classmethod
    def of(cls, found: DataQuality, *, clock_s: int, days: int, rows: int) -> Quality:
        meters, errors = meter_lines(found.found), candidates(found.estimates)
        return cls(
            judged_until=moment(clock_s),
            days=days,
            intake=IntakeOut.of(intake_of(found.counters)),
            rules=tuple(map(RuleFound.of, rule_lines(found.counters, found.found))),
            meters=tuple(map(MeterFound.of, meters[:rows])),
            meters_count=len(meters),
            candidates=tuple(map(CandidateOut.of, errors[:rows])),
            candidates_count=len(errors),
        )
