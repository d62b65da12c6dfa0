"""What the day stage remembers of findings: the ranker they teach, each detector's track record, the crews' room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.case.ranker import Described, Ranker
from detectors.case.risk import risk
from inspection.capacity import Room
from inspection.track_record import Precision, Sent, TrackRecord, Verdict, said_by
from metering.dismissal import Dismissal
from metering.evidence import AreaDay
from metering.inspection import InspectionTask
from metering.messages import Finding
from metering.ports import StateStore

RANKER_PAGE, RECORD_PAGE, ROOM_PAGE = Ranker.name, "track_record", "room"


@dataclass(frozen=True, slots=True, eq=False)
class RankedArea:
    """One area's meters on one day. `risk` (meters,) 0..1 is what counts; `judged` (meters,) says where it is the ranker's."""

    day: AreaDay
    described: Described
    risk: NDArray[np.float64]
    judged: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proposed meter stands among the ranked areas; `kind` is what is most probable there."""

    area: int
    row: int
    kind: str
    explores: bool = False


class Learner:
    """Opened from the model pages at a day's close, saved with it."""

    def __init__(self, pages: Mapping[str, bytes], seed: int) -> None:
        self.ranker, self.record, self.room = Ranker(seed), TrackRecord(), Room()
        for page, part in self._parts.items():
            if page in pages:
                part.load(pages[page])

    @property
    def _parts(self) -> dict[str, Ranker | TrackRecord | Room]:
        return {RANKER_PAGE: self.ranker, RECORD_PAGE: self.record, ROOM_PAGE: self.room}

    def learn(
        self,
        findings: Sequence[Finding],
        store: StateStore,
        undone: Sequence[str] = (),
        dismissals: Sequence[Dismissal] = (),
    ) -> list[Precision]:
        """Take the day's findings in, in order, then what people said from the office, then that back which people undid; returns
        the track records that changed, which are of inspections alone."""
        before = self.record.precisions()
        for finding in findings:
            sent = self.record.answered(finding.meter_id, finding.found_at_s)
            contradicted = self.ranker.learn(finding, of_task=sent is not None)
            if contradicted is not None:
                self.record.take_back(contradicted)
            if sent is None:
                continue
            task = store.task(sent.task_id)
            alerts = [] if task is None else [a for i in task.alert_ids if (a := store.alert(i)) is not None]
            self.record.add(
                Verdict(
                    finding.finding_id,
                    finding.meter_id,
                    finding.confirmed,
                    finding.abnormality,
                    sent.kind,
                    said_by(alerts, explored=sent.explores),
                )
            )
        for said in dismissals:
            self.ranker.hear(said)
        for finding_id in undone:
            self.undo(finding_id)
        return [p for p in self.record.precisions() if p not in before]

    def undo(self, finding_id: str) -> None:
        """Ranking and track records as if this finding, or this word, had never come."""
        self.ranker.undo(finding_id)
        self.record.take_back(finding_id)

    def rank(self, day: AreaDay, novelty: NDArray[np.float64], *, at_s: int) -> RankedArea:
        """By the ranker where the day was judged, elsewhere by the evidence alone."""
        told = risk(day.family_strength, novelty, day.probability)
        judged = day.probability == day.probability
        with np.errstate(divide="ignore"):
            log_odds = np.where(judged, np.log(told) - np.log1p(-told), np.nan)
        described = self.ranker.describe(day, log_odds, novelty, at_s=at_s)
        return RankedArea(day, described, np.where(judged, self.ranker.rank(described), told), judged)

    def kinds_of(self, area: RankedArea, row: int) -> list[tuple[str, float]]:
        """(kind, probability), the likeliest first: how likely a visit finds this kind at the meter."""
        prior = self.ranker.prior
        share = prior.probable_kinds(area.day.figures[row : row + 1].astype(np.float32))[0]
        order = np.argsort(-share, kind="stable")
        return [(prior.kinds[n], float(area.risk[row] * share[n])) for n in order]

    def remember(
        self, ranked: Sequence[RankedArea], tasks: Sequence[InspectionTask], places: Mapping[str, Place]
    ) -> None:
        """Keep how the meters of new tasks look today, for what their visits will find."""
        for task in tasks:
            place = places.get(task.service_point)
            if task.version > 1 or place is None:
                continue
            area, row = ranked[place.area], place.row
            meter_id = area.day.meter_ids[row]
            self.ranker.task_opened(meter_id, area.described, row)
            self.record.sent(meter_id, Sent(task.task_id, task.opened_at_s, place.explores, place.kind))
        self.ranker.end_day(area.described for area in ranked)

    def dump(self) -> dict[str, bytes]:
        return {page: part.dump() for page, part in self._parts.items()}
