"""What day experts share: a day's energy, memories that fade, curves of a day held against each other, figures with bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from metering.evidence import AreaContext, AreaCurves

F64 = NDArray[np.float64]
Made = TypeVar("Made")
HOURS = 24
#: A day of which less was measured is not learnt.
ENOUGH_MEASURED = 0.6
#: A swing smaller than this share of a curve's mean is no shape: a flat curve is like none.
_NO_SHAPE = 0.01
_LEAST_MEAN_KWH = 0.001
#: The most that half precision is given to hold.
_MOST_KWH = 60_000.0


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure means, and between which bounds it is held."""

    meaning: str
    low: float
    high: float


class Figures:
    """The figures an expert gives, by name; `features` are the sentences a person reads.

    >>> figures = Figures({"load": Figure("mean demand over contract", 0, 5)})
    >>> figures.features["load"], figures.bounded({"load": np.array([0.4, 9.0])}, np.array([True, True]))["load"].tolist()
    ('mean demand over contract (0 to 5)', [0.4, 5.0])
    """

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self.features: Mapping[str, str] = {n: f"{f.meaning} ({f.low:g} to {f.high:g})" for n, f in figures.items()}
        self._low = np.array([[f.low] for f in figures.values()], dtype=np.float64)
        self._high = np.array([[f.high] for f in figures.values()], dtype=np.float64)

    def bounded(self, values: Mapping[str, F64], known: NDArray[np.bool_]) -> dict[str, F64]:
        """Every figure held to its bounds, (meters,); NaN where not `known` and where it was NaN. A name left out is NaN."""
        nowhere = np.full(known.shape, np.nan)
        table = np.concatenate([values.get(name, nowhere) for name in self.features]).reshape(-1, len(known))
        table = np.where(known, np.clip(table, self._low, self._high), np.nan)
        return dict(zip(self.features, table, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class DayEnergy:
    """A day's energy per meter, all (meters,): `kwh` is scaled up from what was measured to the whole day, NaN where
    nothing was; `measured` is the share of the day that was; `enough` says whose day may be learnt (never a supply meter's)."""

    kwh: F64
    measured: F64
    enough: NDArray[np.bool_]

    @classmethod
    def of(cls, day: AreaCurves, context: AreaContext) -> DayEnergy:
        """Intervals longer than an hour stand in the hour in which they begin: a daily feed has one value a day."""
        kwh, measured = _kwh_and_measured(day, max(HOURS * 60 // max(context.interval_minutes, 60), 1))
        return cls(kwh, measured, (measured >= ENOUGH_MEASURED) & ~context.area.is_supply)


@lru_cache(maxsize=1)  # every expert asks
def _kwh_and_measured(day: AreaCurves, values: int) -> tuple[F64, F64]:
    """(kWh scaled up to the whole day of so many values, share of them that was measured), (meters,), read-only."""
    energy = day.hourly["energy_kwh"]
    known = energy == energy
    count = np.count_nonzero(known, axis=0)
    total = np.where(known, energy, 0.0).sum(axis=0)
    kwh = np.where(count > 0, total * (values / np.maximum(count, 1)), np.nan)
    measured = np.minimum(count / values, 1.0)
    for told in (kwh, measured):
        told.setflags(write=False)
    return kwh, measured


class OfTheDay(Generic[Made]):
    """What an expert makes of a day, made once: `describe` asks for it, `learn` takes it in and forgets it."""

    def __init__(self, make: Callable[[AreaCurves], Made]) -> None:
        self._make = make
        self._made: tuple[AreaCurves, Made] | None = None

    def __call__(self, day: AreaCurves) -> Made:
        if self._made is None or self._made[0] is not day:
            self._made = (day, self._make(day))
        return self._made[1]

    def forget(self) -> None:
        """Ask before what it was made of changes: when a day is learnt, when a state is loaded."""
        self._made = None


def moved(memory: NDArray[Any], value: F64, rate: float | F64, where: NDArray[np.bool_]) -> F64:
    """`memory` after it moved towards `value` by `rate`; what was not known becomes the value, NaN moves nothing.

    >>> moved(np.array([1.0, np.nan, 1.0]), np.array([2.0, 2.0, np.nan]), 0.25, np.ones(3, bool)).tolist()
    [1.25, 2.0, 1.0]
    """
    before = memory.astype(np.float64)
    after = before + rate * (value - before)
    after = np.where(before == before, after, value)
    return np.where(where & (value == value), after, before)


def keep(memory: NDArray[Any], value: F64) -> None:
    """Store `value` in a memory of less precision; half precision ends at 65,504."""
    fits = np.clip(value, -_MOST_KWH, _MOST_KWH) if memory.dtype == np.float16 else value
    np.copyto(memory, fits, casting="same_kind")


def mean_of_known(values: F64) -> F64:
    """Mean along the first axis of what is known, NaN where nothing is.

    >>> mean_of_known(np.array([[1.0, np.nan], [2.0, np.nan]])).tolist()
    [1.5, nan]
    """
    known = values == values
    count = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def learning_rate(learnt: NDArray[Any], early: float, late: float, early_days: float) -> F64:
    """A plain mean at first, then `early` up to so many learnt days, then `late`; (meters,).

    >>> learning_rate(np.array([0, 1, 20, 40]), 0.1, 0.03, 28).tolist()
    [1.0, 0.5, 0.1, 0.03]
    """
    return np.where(learnt < early_days, np.maximum(early, 1.0 / (learnt + 1.0)), late)


def count_up(counter: NDArray[Any], where: NDArray[np.bool_]) -> None:
    """One more where it says so; a counter at its end stays there."""
    counter[where & (counter < np.iinfo(counter.dtype).max)] += 1


def whole(curves: F64) -> F64:
    """Curves (24, meters) whose unmeasured hours are their mean; NaN where no hour is known."""
    known = curves == curves
    count = known.sum(axis=0)
    mean = np.where(known, curves, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(known, curves, np.where(count > 0, mean, np.nan))


def one_shape(curves: F64) -> F64:
    """Curves (24, meters) without their level and size, so that `likeness` is a plain product; unmeasured hours count as the mean.

    A curve that is flat within 1 % has no shape and is like no other, not even itself. NaN where fewer than 60 % of its hours are known.
    """
    known = curves == curves
    count = known.sum(axis=0)
    mean = np.where(known, curves, 0.0).sum(axis=0) / np.maximum(count, 1)
    swing = np.where(known, curves - mean, 0.0)
    no_shape = HOURS * (_NO_SHAPE * np.maximum(np.abs(mean), _LEAST_MEAN_KWH)) ** 2
    size = np.sqrt((swing * swing).sum(axis=0) + no_shape)
    return np.where(count >= ENOUGH_MEASURED * HOURS, swing / size, np.nan)


def likeness(shapes: F64, others: F64) -> F64:
    """Correlation of two sets of curves of `one_shape`, (meters,) in -1..1.

    >>> evening = np.array([[0.2] * 18 + [1.0] * 6]).T
    >>> round(float(likeness(one_shape(evening), one_shape(evening[::-1]))[0]), 3)
    -0.333
    """
    return np.asarray((shapes * others).sum(axis=0))


def share_of(part: F64, whole: F64) -> F64:
    """`part` over `whole`, NaN where there is no whole."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)
