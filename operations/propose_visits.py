"""Whom to visit, as a day closes: hazards, then the highest risk that crews have room for, and a few meters to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inspection.capacity import Capacity
from inspection.opening import Candidate, candidates, is_news, within
from metering.alert import Alert
from metering.archive import Archive
from metering.catalogue import CATALOGUE
from metering.identity import identity
from metering.inspection import InspectionTask
from operations.close_area_day import ClosedAreaDay
from operations.learn_findings import Learner, Place, RankedArea

#: What is explored: risky enough to teach something, not so risky that it would be visited anyway.
EXPLORED_UP_TO = 0.8
EXPLORED_FROM_SHARE = 1 / 3
#: So many meters are drawn; of them the one whose kind was seen least lately is visited.
DRAWN = 20
KINDS_NAMED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """A day at its close: what each area said of it, and its ranked meters, in one order."""

    ordinal: int
    at_s: int
    archive: Archive
    closed: Sequence[ClosedAreaDay]
    ranked: Sequence[RankedArea]


@dataclass(frozen=True, slots=True)
class Proposal:
    """`chosen` get a task; `newest` is what is known today of service points with a task or an alert; `places` of the chosen."""

    chosen: Sequence[Candidate]
    newest: Mapping[str, Candidate]
    places: Mapping[str, Place]


def propose(
    day: Day, open_now: Sequence[InspectionTask], learner: Learner, capacity: Capacity, *, seed: int
) -> Proposal:
    """Cut what is worth a visit to what can be visited. What has no alert is visited only where its risk ranks it."""
    meters = _Meters(day, learner)
    alerts = [a for c in day.closed for a in c.open_alerts if meters.is_news_of(a)]
    borne_out = learner.record.borne_out((row.code, row.weight) for row in CATALOGUE.values())
    wanted = {c.service_point: c for c in candidates(alerts, meters.risk_of, borne_out)}
    risky = meters.from_risk(min(capacity.least_risk, 1.0) * EXPLORED_FROM_SHARE)
    for candidate in risky:
        wanted.setdefault(candidate.service_point, candidate)
    for task in open_now:
        if (held := meters.at(task.service_point)) is not None:
            wanted.setdefault(task.service_point, held)
    room, week = learner.room, capacity.week(len(day.archive.areas_of_meter))
    room.add_day(week, exploration_share=capacity.exploration_share)
    ranked = list(wanted.values())
    chosen = within(room, ranked, open_now, capacity.least_risk)
    taken = {c.service_point for c in chosen} | {t.service_point for t in open_now}
    explored = meters.explore(
        [c for c in risky if c.service_point not in taken], room.explorations, capacity.least_risk, seed
    )
    room.use(0, len(explored))
    chosen = [replace(c, why=meters.why(c)) for c in chosen] + explored
    return Proposal(chosen, wanted, {c.service_point: p for c in chosen if (p := meters.place(c)) is not None})


class _Meters:
    """The ranked meters of a day, by id and by service point."""

    def __init__(self, day: Day, learner: Learner) -> None:
        self._day, self._learner = day, learner
        self._number = {area.day.transformer_area: n for n, area in enumerate(day.ranked)}
        self._silenced = {meter_id for c in day.closed for meter_id in c.silenced}

    def from_risk(self, least: float) -> list[Candidate]:
        """Meters in service that are judged, not silenced and not visited lately, from so much risk on."""
        found = []
        for area in self._day.ranked:
            for row in np.flatnonzero(area.judged & (area.risk >= least)).tolist():
                meter_id = area.day.meter_ids[row]
                meter = self._day.archive.meter(meter_id)
                if meter is None or not meter.valid_at(self._day.at_s) or meter_id in self._silenced:
                    continue
                if self.is_news(meter_id):
                    found.append(
                        Candidate(meter.service_point, meter.transformer_area, (), round(float(area.risk[row]), 6))
                    )
        return found

    def is_news(self, meter_id: str, raised_at_s: int = 0) -> bool:
        """Whether a meter, or what is alerted there, asks for a visit after the last one."""
        found = self._learner.ranker.last_found(meter_id)
        return found is None or is_news(raised_at_s, found[0], confirmed=found[1], at_s=self._day.at_s)

    def is_news_of(self, alert: Alert) -> bool:
        """A hazard always is."""
        meter = self._day.archive.meter_at(alert.service_point)
        meter_id = alert.meter_id or ("" if meter is None else meter.meter_id)
        return CATALOGUE[alert.abnormality].lane == "hazard" or self.is_news(meter_id, alert.raised_at_s)

    def at(self, service_point: str) -> Candidate | None:
        """What the day says of the meter at a service point, without any alert; None where it was not judged."""
        meter = self._day.archive.meter_at(service_point)
        risk = None if meter is None else self.risk_of(meter.meter_id)
        if meter is None or risk is None:
            return None
        return Candidate(service_point, meter.transformer_area, (), risk)

    def risk_of(self, meter_id: str) -> float | None:
        """The ranker's risk of the day; None where it has none."""
        place = self._found(meter_id)
        if place is None or not (area := self._day.ranked[place[0]]).judged[place[1]]:
            return None
        return round(float(area.risk[place[1]]), 6)

    def _found(self, meter_id: str) -> tuple[int, int] | None:
        """(number of the ranked area, row) of a meter, which has moved perhaps."""
        for meter in self._day.archive.areas_of_meter.get(meter_id, ()):
            number = self._number.get(meter.transformer_area)
            row = None if number is None else self._day.archive.areas[meter.transformer_area].row_of.get(meter_id)
            if number is not None and row is not None and meter.valid_at(self._day.at_s):
                return number, row
        return None

    def place(self, candidate: Candidate) -> Place | None:
        alerts: Sequence[Alert] = candidate.alerts
        meter = self._day.archive.meter_at(candidate.service_point)
        of_alerts = next((a.meter_id for a in alerts if a.meter_id is not None), None)
        found = self._found(of_alerts or ("" if meter is None else meter.meter_id))
        if found is None:
            return None
        kind = alerts[0].abnormality if alerts else self._kinds(found)[0][0]
        return Place(*found, kind, candidate.explores)

    def why(self, candidate: Candidate) -> str:
        """For the audit trail: what is claimed, or what the ranker thinks is most probable."""
        if candidate.alerts:
            return ""
        place = self.place(candidate)
        if place is None:
            return ""
        kinds = self._kinds((place.area, place.row))[:KINDS_NAMED]
        return "no alert, ranked; most probable " + ", ".join(f"{kind} {share:.2f}" for kind, share in kinds)

    def explore(self, pool: Sequence[Candidate], count: int, least_risk: float, seed: int) -> list[Candidate]:
        """Some meters of middling risk, drawn by a hash of seed, day and meter; kinds not seen lately come first."""
        middling = [c for c in pool if c.risk < EXPLORED_UP_TO]
        # where crews have no room for all that is worth it, there is no need to look further down
        middling = [c for c in middling if c.risk >= least_risk] or middling
        drawn = sorted(middling, key=lambda c: identity("draw", seed, self._day.ordinal, c.service_point))[:DRAWN]
        seen = {kind: n for n, kind in enumerate(self._learner.record.visited_kinds())}
        chosen: list[Candidate] = []
        while drawn and len(chosen) < count:
            kinds = [self._kinds_at(c)[0][0] for c in drawn]
            first = min(range(len(drawn)), key=lambda n: (seen.get(kinds[n], -1), n))
            kind = kinds[first]
            last = "not visited before" if kind not in seen else "least seen of those drawn"
            chosen.append(
                replace(
                    drawn.pop(first),
                    explores=True,
                    why=f"exploration: drawn among meters of middling risk; most probable {kind}, {last}",
                )
            )
            seen[kind] = len(seen) + len(self._learner.record.visited_kinds())
        return chosen

    def _kinds_at(self, candidate: Candidate) -> list[tuple[str, float]]:
        place = self.place(candidate)
        return [("", 0.0)] if place is None else self._kinds((place.area, place.row))

    def _kinds(self, place: tuple[int, int]) -> list[tuple[str, float]]:
        return self._learner.kinds_of(self._day.ranked[place[0]], place[1])
