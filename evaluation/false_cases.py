"""False cases: alerts on meters that are normal by the truth, and the benign life around them that may have caused them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.answers import Answers, BenignLife, family_of, is_information
from evaluation.detection import AREA_FAULT_FAMILY
from evaluation.run_rows import RaisedAlert, supply_meters
from evaluation.span import Span
from metering.archive import Archive
from metering.times import DAY_S
from metering.truth import TruthCase

SAME_CASE_WITHIN_S = 7 * DAY_S
#: A detector that looks back over days still speaks of a vacancy when it is over.
NEAR_AFTER_S = 14 * DAY_S
NEAR_NOTHING = "nothing"
#: An area's alert while a customer of it has a case: false by the truth, yet not out of the blue.
NEAR_A_CASE = "case_in_the_area"
#: An alert on an abnormal meter before its onset or after its end: no detection, and by the truth no false case either.
OUTSIDE_THE_CASE = "outside_the_case"
#: An electrical alert at a customer whose whole area has an electrical fault: it speaks of that.
AREA_FAULT = "area_fault"
#: Life that an alert of the family `archive` is right about.
ARCHIVE_LIFE = frozenset({"archive_error", "topology_change"})


@dataclass(frozen=True, slots=True)
class FalseCase:
    """An alert on a normal meter and its repeats; `near` is the benign life around it, `nothing` where none is known."""

    alert: RaisedAlert
    near: str


@dataclass(frozen=True, slots=True)
class FalseCases:
    """`neither_way` counts the span's alerts that are left out, by why."""

    cases: tuple[FalseCase, ...]
    meters: int
    weeks: float
    neither_way: Mapping[str, int] = field(default_factory=dict)

    @property
    def per_1000_meters_per_week(self) -> float:
        return round(1000 * len(self.cases) / max(self.meters, 1) / self.weeks, 4)

    @property
    def of_relapses(self) -> int:
        """Those that an alert's later episode is: the condition had been gone, and came back."""
        return sum(case.alert.episode > 1 for case in self.cases)

    def by_abnormality(self) -> dict[str, int]:
        return _counted(case.alert.abnormality for case in self.cases)

    def by_life(self) -> dict[str, int]:
        """Most frequent first; without a `life.csv` nearly all is near `nothing`."""
        return _counted(case.near for case in self.cases)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items(), key=lambda item: (-item[1], item[0])))


def find_false_cases(alerts: Sequence[RaisedAlert], answers: Answers, archive: Archive, span: Span) -> FalseCases:
    """Alerts within the span on meters without any case in the truth; repeats within seven days of the last are one, and so
    an episode later than that is one more.

    Alerts of data quality and communication count neither way, nor do those of the family `archive` on a meter whose
    life holds an archive error or a topology change, nor electrical alerts at customers of an area that has an electrical
    fault as a whole. A finding changes nothing here: what comes after it counts too.
    """
    cases: dict[str, list[TruthCase]] = defaultdict(list)
    for case in answers.cases:
        cases[case.meter_id].append(case)
    life: dict[str, list[BenignLife]] = defaultdict(list)
    for event in answers.life or ():
        life[event.meter_id].append(event)
    supply_of = supply_meters(archive)
    neither_way: Counter[str] = Counter()
    last_s: dict[str, int] = {}
    found = []
    for alert in sorted(alerts, key=lambda a: (a.raised_s, a.abnormality, a.alert_id)):
        if not span.holds(alert.raised_s):
            continue
        if alert.meter_id in cases:
            neither_way[OUTSIDE_THE_CASE] += not any(
                _around(case, alert.raised_s, DAY_S) for case in cases[alert.meter_id]
            )
            continue
        if is_information(alert.family):
            neither_way[alert.family] += 1
            continue
        if alert.family == AREA_FAULT_FAMILY and _felt(alert, cases.get(supply_of.get(alert.transformer_area, ""), ())):
            neither_way[AREA_FAULT] += 1
            continue
        own = life.get(alert.meter_id, [])
        if alert.family == "archive" and any(event.kind in ARCHIVE_LIFE for event in own):
            neither_way["archive"] += 1
            continue
        before_s = last_s.get(alert.meter_id)
        last_s[alert.meter_id] = alert.raised_s
        if before_s is None or alert.raised_s - before_s > SAME_CASE_WITHIN_S:
            area_life = life.get(supply_of.get(alert.transformer_area, ""), [])
            near = _near(alert.raised_s, own, area_life)
            if alert.of_area and _case_in_area(alert, answers, archive):
                near = NEAR_A_CASE
            found.append(FalseCase(alert, near))
    return FalseCases(tuple(found), len(archive.areas_of_meter), span.weeks, dict(sorted((+neither_way).items())))


def _around(lasting: BenignLife | TruthCase, at_s: int, margin_s: int) -> bool:
    """Whether `at_s` lies from the start of a case or of a piece of life to so long after its end."""
    return lasting.start_s <= at_s and (lasting.end_s is None or at_s < lasting.end_s + margin_s)


def _felt(alert: RaisedAlert, of_area: Sequence[TruthCase]) -> bool:
    """Whether the alert speaks of an electrical fault of its whole area."""
    return any(
        family_of(case.abnormality) == AREA_FAULT_FAMILY and _around(case, alert.raised_s, DAY_S) for case in of_area
    )


def _case_in_area(alert: RaisedAlert, answers: Answers, archive: Archive) -> bool:
    return any(
        _around(case, alert.raised_s, NEAR_AFTER_S)
        and archive.area_of(case.meter_id, alert.raised_s) == alert.transformer_area
        for case in answers.cases
    )


def _near(raised_s: int, own: Sequence[BenignLife], of_area: Sequence[BenignLife]) -> str:
    """The meter's own life counts before its area's; of several, the one that began last."""
    for events in (own, of_area):
        around = [event for event in events if _around(event, raised_s, NEAR_AFTER_S)]
        if around:
            return max(around, key=lambda e: (e.start_s, e.kind)).kind
    return NEAR_NOTHING
