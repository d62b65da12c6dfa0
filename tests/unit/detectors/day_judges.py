"""The judges of the day and of the area seen alike: an adapter for each, and which checks do not apply to it, and why.

A judge keeps the interface it has; its adapter asks it and then teaches it, in the order of `operations/close_area_day.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.area.area_outage import AreaOutage, OutageVerdict
from detectors.area.area_verdict import AreaVerdict
from detectors.area.day_area import DayArea
from detectors.area.frequent_outage import FrequentOutage
from detectors.area.load_forecast import LoadForecast
from detectors.area.meter_errors import MeterErrors
from detectors.bank import (
    ALL_DETECTORS,
    HOUR_DETECTORS,
    INTERVAL_DETECTORS,
    area_outage,
    case_probability,
    day_area,
    downstream_prices,
    expected_profile,
    frequent_outage,
    interval_detectors,
    load_forecast,
    meter_errors,
    validation_rules,
)
from detectors.case.case_probability import CaseProbability
from detectors.case.downstream_prices import DownstreamPrices
from detectors.case.measures import daily_energy
from detectors.case.novelty import Novelty, NoveltyParams
from detectors.case.ranker import Ranker
from detectors.case.recoverable import Recoverable
from detectors.interval.seasonal_profile import SeasonalProfile
from detectors.validation.validation_rules import ValidationRules
from metering.evidence import AreaContext, Signal
from tests.unit.detectors.judged_days import JudgedDay

F64 = NDArray[np.float64]
SEED = 5


@dataclass
class Said:
    """What a judge says of a day: its signals; else, by name, what lies in 0..1 as a strength does, and other `figures`; arrays (meters,)."""

    signals: list[Signal] = field(default_factory=list)
    shares: dict[str, NDArray[Any]] = field(default_factory=dict)
    figures: dict[str, F64] = field(default_factory=dict)

    def strengths(self) -> dict[str, NDArray[Any]]:
        """Of each code or name, the strongest of the day, NaN where nothing was judged."""
        found = dict(self.shares)
        for signal in self.signals:
            before = found.get(signal.abnormality)
            found[signal.abnormality] = signal.strength if before is None else np.fmax(before, signal.strength)
        return found

    def numbers(self) -> list[NDArray[Any]]:
        """All that was said, in its order."""
        of_signals = [array for s in self.signals for array in (s.strength, s.observed, s.expected)]
        return [*of_signals, *self.shares.values(), *self.figures.values()]


class _OfPages(Protocol):
    def dump(self) -> dict[str, bytes]: ...
    def dump_dirty(self) -> dict[str, bytes]: ...
    def load(self, pages: dict[str, bytes]) -> None: ...


class Adapter(ABC):
    """One judge, built for an area as the bank builds it."""

    judge: ClassVar[type[Any]]
    own: Any

    @property
    def codes(self) -> tuple[str, ...]:
        """What the judge may say; nothing where it gives no signals."""
        return getattr(self.own, "abnormalities", ())

    @abstractmethod
    def ask(self, day: JudgedDay) -> Said:
        """What the judge says of the day; is not to change it."""

    @abstractmethod
    def learn(self, day: JudgedDay) -> None:
        """The judge takes the day in, right after `ask`."""

    @abstractmethod
    def pages(self) -> dict[str, bytes]: ...

    @abstractmethod
    def load(self, pages: dict[str, bytes]) -> None: ...

    def dirty(self) -> dict[str, bytes]:
        """Pages that changed since they were last asked for."""
        raise NotImplementedError(f"{self.judge.__name__} saves no part of its state by itself")

    def live(self, told: Iterable[JudgedDay]) -> list[Said]:
        said = []
        for day in told:
            said.append(self.ask(day))
            self.learn(day)
        return said


class OfPages(Adapter):
    """A judge of one area, whose state is pages."""

    own: _OfPages

    def pages(self) -> dict[str, bytes]:
        return self.own.dump()

    def dirty(self) -> dict[str, bytes]:
        return self.own.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self.own.load(pages)


class OfOnePage(Adapter):
    """A judge shared by all areas, saved as a whole when the day closes."""

    own: Novelty | Ranker

    def pages(self) -> dict[str, bytes]:
        return {"all": self.own.dump()}

    def load(self, pages: dict[str, bytes]) -> None:
        for page in pages.values():
            self.own.load(page)


class Stateless(Adapter):
    """A rule that remembers nothing."""

    def learn(self, day: JudgedDay) -> None:
        """There is nothing to learn."""

    def pages(self) -> dict[str, bytes]:
        return {}

    def load(self, pages: dict[str, bytes]) -> None:
        assert not pages


class OfCaseProbability(OfPages):
    judge = CaseProbability

    def __init__(self, context: AreaContext) -> None:
        self.own: CaseProbability = case_probability(context)

    def ask(self, day: JudgedDay) -> Said:
        verdict = self.own.judge(day.figures, day.closes_on)
        since_s = np.zeros(len(verdict.probability), dtype=np.int64)
        return Said(self.own.signals(verdict, day.figures, since_s), {"probability": verdict.probability})

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(self.own.judge(day.figures, day.closes_on))


class OfDayArea(OfPages):
    judge = DayArea

    def __init__(self, context: AreaContext) -> None:
        self.own: DayArea = day_area(context)

    def _verdict(self, day: JudgedDay) -> AreaVerdict:
        everyone = np.ones(len(day.context.area), dtype=np.bool_)
        return self.own.judge(day.curves, day.balance.net, everyone, day.suspects, day.explained)

    def ask(self, day: JudgedDay) -> Said:
        return Said(self.own.signals(self._verdict(day)))

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(self._verdict(day))


class OfLoadForecast(OfPages):
    judge = LoadForecast

    def __init__(self, context: AreaContext) -> None:
        self.own: LoadForecast = load_forecast(context)

    def ask(self, day: JudgedDay) -> Said:
        return Said(self.own.signals(self.own.judge(day.curves)))

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(self.own.judge(day.curves))


class OfValidationRules(OfPages):
    judge = ValidationRules

    def __init__(self, context: AreaContext) -> None:
        self.own: ValidationRules = validation_rules(context)

    def ask(self, day: JudgedDay) -> Said:
        doubted = np.zeros(len(day.context.area))
        for frame in day.frames:
            doubted[self.own.doubtful(frame)] += 1
        return Said(self.own.judge(day.curves, day.readings), figures={"doubted intervals": doubted})

    def learn(self, day: JudgedDay) -> None:
        for frame in day.frames:
            self.own.see(frame)
        self.own.learn(day.curves, day.readings)


class OfMeterErrors(OfPages):
    judge = MeterErrors

    def __init__(self, context: AreaContext) -> None:
        self.own: MeterErrors = meter_errors(context)
        self._place = {meter_id: n for n, meter_id in enumerate(context.area.meter_ids)}

    def ask(self, day: JudgedDay) -> Said:
        share = np.full(len(self._place), np.nan)
        for error in self.own.estimates():
            share[self._place[error.meter_id]] = error.share
        return Said([self.own.signal(daily_energy(day.figures).observed)], figures={"error": share})

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(day.curves, day.balance, day.suspects.probability)


class OfFrequentOutage(Stateless):
    judge = FrequentOutage

    def __init__(self, context: AreaContext) -> None:
        self.own = frequent_outage(context)

    def ask(self, day: JudgedDay) -> Said:
        return Said([self.own.signal(day.outages, day.end_s)])


class OfDownstreamPrices(Stateless):
    judge = DownstreamPrices

    def __init__(self, context: AreaContext) -> None:
        self.own = downstream_prices(context)

    def ask(self, day: JudgedDay) -> Said:
        return Said([self.own.signal(day.declared)])


class OfAreaOutage(OfPages):
    """Judges intervals, each by what was reported in it; what it says of a day is asked of a copy that lives through it."""

    judge = AreaOutage

    def __init__(self, context: AreaContext) -> None:
        self._context = context
        self.own: AreaOutage = area_outage(context, interval_detectors(context))

    def ask(self, day: JudgedDay) -> Said:
        for frame in day.frames:  # of itself, which is not to change by it
            self.own.judge(frame, day.outages)
        twin = area_outage(self._context, interval_detectors(self._context))
        twin.load(self.own.dump())
        verdicts = self._through(twin, day)
        touched = np.full(len(day.context.area), float(sum(v.touched for v in verdicts)))
        return Said([v.signal for v in verdicts], figures={"touched intervals": touched})

    def learn(self, day: JudgedDay) -> None:
        self._through(self.own, day)

    @staticmethod
    def _through(outage: AreaOutage, day: JudgedDay) -> list[OutageVerdict]:
        verdicts = []
        for frame in day.frames:
            for row, at_s, is_over in day.reports:
                if frame.interval_start_s <= at_s < frame.interval_end_s:
                    outage.hear(row, at_s, is_over=is_over)
            verdicts.append(outage.judge(frame, day.outages))
            outage.learn(verdicts[-1])
        return verdicts


class OfRecoverable(OfPages):
    judge = Recoverable

    def __init__(self, context: AreaContext) -> None:
        self.own: Recoverable = Recoverable(context)

    def ask(self, day: JudgedDay) -> Said:
        since = self.own.since.astype(np.float64)
        told = [self.own.estimate(row) for row in range(len(since))]
        figures = {
            name: np.array([np.nan if each is None else getattr(each, name) for each in told])
            for name in ("lost_low", "lost", "lost_high", "used", "expected")
        }
        return Said(shares={"in doubt": (since > 0).astype(np.float64)}, figures={"since": since, **figures})

    def learn(self, day: JudgedDay) -> None:
        today, smoothed = (_probability(odds) for odds in (day.verdict.today, day.verdict.odds))
        self.own.learn(day.curves.day_ordinal, day.figures, today=today, smoothed=smoothed)


class OfSeasonalProfile(OfPages):
    judge = SeasonalProfile

    def __init__(self, context: AreaContext) -> None:
        self.own: SeasonalProfile = expected_profile(context)

    def ask(self, day: JudgedDay) -> Said:
        of_hours = self.own.expected_day(day.curves.day_type)
        now = {f"at {n}": self.own.expected_kwh(day.frames[n]) for n in (0, 18)}
        return Said(figures={f"hour {hour}": kwh for hour, kwh in enumerate(of_hours)} | now)

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(day.curves, day.area_day.trusted)


class OfNovelty(OfOnePage):
    judge = Novelty

    def __init__(self, context: AreaContext) -> None:
        self.own: Novelty = Novelty(SEED, NoveltyParams(window=60, learns_every=2))

    def ask(self, day: JudgedDay) -> Said:
        return Said(shares={"novelty": self.own.score(day.area_day)})

    def learn(self, day: JudgedDay) -> None:
        self.own.learn(day.area_day)


class OfRanker(OfOnePage):
    judge = Ranker

    def __init__(self, context: AreaContext) -> None:
        self.own: Ranker = Ranker(SEED)

    def ask(self, day: JudgedDay) -> Said:
        probability = day.area_day.probability
        log_odds = np.log(probability / (1 - probability))
        nothing = np.zeros(len(log_odds))
        described = self.own.describe(day.area_day, log_odds, nothing, at_s=day.end_s)
        return Said(shares={"risk": self.own.rank(described)})

    def learn(self, day: JudgedDay) -> None:
        probability = day.area_day.probability
        log_odds = np.log(probability / (1 - probability))
        for finding in day.findings:
            self.own.learn(finding, of_task=False)
        described = self.own.describe(day.area_day, log_odds, np.zeros(len(log_odds)), at_s=day.end_s)
        self.own.end_day([described])


def _probability(log_odds: F64) -> F64:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


#: By the judge's name; a detector of the bank that is neither here nor in the matrix of the intervals and hours fails `missing`.
ADAPTERS: Mapping[str, Callable[[AreaContext], Adapter]] = {
    adapter.judge.name: adapter
    for adapter in (
        OfCaseProbability,
        OfDayArea,
        OfLoadForecast,
        OfValidationRules,
        OfMeterErrors,
        OfFrequentOutage,
        OfAreaOutage,
        OfDownstreamPrices,
        OfRecoverable,
        OfSeasonalProfile,
        OfNovelty,
        OfRanker,
    )
}

_NO_STATE = "it remembers nothing: records and declarations are its ground"
_OF_ALL_AREAS = "one for all areas: no meter has a place in its state"
_OF_THE_AREA = "its state is of the area's sums: no meter has a place in it"
_SAVED_WHOLE = "the day stage saves it as a whole, in the transaction that closes the day"
_JUDGES_NOTHING = "it judges nothing: it says what to expect"

#: Which check does not apply to which judge, and why.
DOES_NOT_APPLY: Mapping[str, Mapping[str, str]] = {
    "order": {
        "novelty": "meters are learnt in archive order, one in so many a day; what one day says keeps to its rows",
    },
    "eventful": {"seasonal_profile": _JUDGES_NOTHING},
    "quiet": {
        "seasonal_profile": _JUDGES_NOTHING,
        "novelty": "it orders days by how unusual they are: one of them always is the most unusual",
    },
    "warm_up": {
        "seasonal_profile": _JUDGES_NOTHING,
        "frequent_outage": _NO_STATE,
        "downstream_prices": _NO_STATE,
        "area_outage": "a rule of the moment: an area may be dark on its first day",
    },
    "state": {"frequent_outage": _NO_STATE, "downstream_prices": _NO_STATE},
    "dirty": {"novelty": _SAVED_WHOLE, "ranker": _SAVED_WHOLE},
    "another_area": {"novelty": _OF_ALL_AREAS, "ranker": _OF_ALL_AREAS, "load_forecast": _OF_THE_AREA},
}
#: Codes that need no history: they may be said on the first day, whatever their judge has to learn for others.
OF_THE_MOMENT = frozenset(
    {
        "reading_failed", "missing_intervals", "repeated_readings", "spike", "sum_check", "inactive_use", "refused_readings",
        "multiplier_mismatch", "prolonged_estimation", "transformer_overload",
    }
)  # fmt: skip
#: Days in which a judge has nothing to say yet, whatever happens; of the others a week.
WARM_UP_DAYS: Mapping[str, int] = {
    "case_probability": 20,
    "load_forecast": 20,
    "meter_errors": 20,
    "validation_rules": 13,
}
A_WEEK = 7
#: What is said of a day because nothing came.
OF_ABSENCE = frozenset({"reading_failed", "missing_intervals", "prolonged_estimation"})
#: What a day of nothing rightly changes on the next one: a register's step then covers two days.
OF_THE_TIME_SINCE = frozenset({"sum_check", "multiplier_mismatch"})


def missing() -> list[str]:
    """Detectors of the bank that no generated matrix holds to their contract."""
    elsewhere = {kind for kind, _ in (*INTERVAL_DETECTORS, *HOUR_DETECTORS)}
    return sorted(kind.name for kind, _ in ALL_DETECTORS if kind not in elsewhere and kind.name not in ADAPTERS)


def judges(check: str) -> list[str]:
    """Names of the judges to which a check applies."""
    exempt = DOES_NOT_APPLY.get(check, {})
    without_state = DOES_NOT_APPLY["state"] if check in NEEDS_STATE else {}
    return [name for name in ADAPTERS if name not in exempt and name not in without_state]


#: Checks of what is remembered.
NEEDS_STATE = frozenset({"state", "dirty", "another_area", "seeded"})
