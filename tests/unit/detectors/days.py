"""Days for the day experts' tests: homes that live quietly, and what can happen to their curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.examples import context, day
from metering.evidence import AreaContext, AreaCurves, DayExpert

HOMES = 8
SUPPLY = HOMES  # the row of the supply meter
Figures = dict[str, NDArray[np.float64]]


class Day:
    """A day that a test may change in place: (24, rows) and (rows,), rows in the order of `homes()`."""

    def __init__(self, number: int, kwh: NDArray[np.float64]) -> None:
        self.number = number
        self.kwh = kwh
        self.step_kwh = 0.2 * kwh
        self.register_kwh = np.full(HOMES + 1, np.nan)
        self.event_strength = np.zeros(HOMES + 1)


Change = Callable[[Day], None]


def homes(
    order: list[int] | None = None, interval_minutes: int = 15, contracted_kw: float | None = 8.0, **fields: object
) -> AreaContext:
    """Eight homes and a supply meter; `order` permutes the rows, `fields` changes every meter's archive."""
    area = context(contracted_kw=[contracted_kw] * (HOMES + 1), supply=True, interval_minutes=interval_minutes)
    meters = [replace(meter, **fields) for meter in area.area.meters]  # type: ignore[arg-type]
    rows = order or range(len(meters))
    return replace(area, area=replace(area.area, meters=tuple(meters[row] for row in rows)))


def days(
    count: int,
    change: Change | None = None,
    *,
    order: list[int] | None = None,
    interval_minutes: int = 15,
    noise: float = 0.05,
    seed: int = 1,
) -> Iterator[AreaCurves]:
    """Quiet days with an evening peak, weekdays from Monday on; `change` alters a day before the rows are put in `order`."""
    rng = np.random.default_rng(seed)
    rhythm = np.full(24, 0.2)
    rhythm[6:9], rhythm[12], rhythm[18:22] = 0.5, 0.4, 1.2
    rows = order or list(range(HOMES + 1))
    for number in range(count):
        kwh = rhythm[:, None] * np.linspace(0.8, 1.2, HOMES + 1) * np.exp(noise * rng.standard_normal((24, HOMES + 1)))
        if interval_minutes == 1440:
            kwh = np.where(np.arange(24)[:, None] == 0, kwh.sum(axis=0), np.nan)
        if interval_minutes == 240:
            kwh = np.where(np.arange(24)[:, None] % 4 == 0, kwh.reshape(6, 4, -1).sum(axis=1).repeat(4, axis=0), np.nan)
        today = Day(number, kwh)
        if change is not None:
            change(today)
        yield day(
            today.kwh[:, rows],
            number=number,
            step_kwh=today.step_kwh[:, rows],
            register_kwh=today.register_kwh[rows].tolist(),
            event_strength=today.event_strength[rows].tolist(),
        )


def live(expert: DayExpert, told: Iterable[AreaCurves], trusted: Iterable[bool] | None = None) -> list[Figures]:
    """Describe, then learn every day; what was said. Every row is trusted unless `trusted` says otherwise."""
    said = []
    for curves in told:
        said.append(expert.describe(curves))
        rows = np.ones(HOMES + 1, dtype=np.bool_) if trusted is None else np.array(list(trusted), dtype=np.bool_)
        expert.learn(curves, rows)
    return said


def row(figures: Figures, number: int) -> dict[str, float]:
    """One meter's figures."""
    return {name: float(values[number]) for name, values in figures.items()}
