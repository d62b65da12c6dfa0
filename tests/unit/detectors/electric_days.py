"""Days of a small area with its lines, for the tests of the electrical day experts: volts, amperes and losses that fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.examples import context, day
from metering.evidence import AreaContext, AreaCurves, DayExpert

Figures = dict[str, NDArray[np.float64]]
Rows = NDArray[np.float64]
#: Two lines of three steps; on each step one home per phase. The last home is a workshop on three phases. Then the supply meter.
HOMES = 19
WORKSHOP, SUPPLY = 18, 19
LINE = np.array([n // 9 for n in range(18)] + [1])
STEP = np.array([n % 9 // 3 for n in range(18)] + [1])
PHASE = np.array([n % 3 for n in range(18)] + [-1])
SERVICE_OHM, SEGMENT_OHM = 0.15, 0.04
VOLTS = 230.0
FACTOR = 0.95


class Load:
    """What the homes draw and what of it their meters register, kWh an hour, (24, homes), and volts and amperes as they are
    reported, (24, 3, homes); `change` may alter `drawn`, `registered` and `tapped` before, `alter` the rest after the network answered."""

    def __init__(self, number: int, drawn: Rows) -> None:
        self.number = number
        self.drawn = drawn
        self.share_registered = np.ones(drawn.shape)
        #: Share of what is drawn that leaves the line before the service line.
        self.share_tapped = np.zeros(drawn.shape)
        self.hourly: dict[str, Rows] = {}


Change = Callable[[Load], None]


def area(
    order: Iterable[int] | None = None,
    *,
    supply: bool = True,
    interval_minutes: int = 15,
    archive: Mapping[str, object] | None = None,
) -> AreaContext:
    """The area's archive; `order` permutes the rows, `archive` changes every meter's."""
    told: dict[str, Sequence[object]] = {
        "segment": [f"TA-L{line + 1}-{step + 1}" for line, step in zip(LINE, STEP, strict=True)] + [None],
        "phase": ["abc"[p] if p >= 0 else "abc" for p in PHASE] + ["abc"],
        "phases": [1 if p >= 0 else 3 for p in PHASE] + [3],
        "has_generation": [False] * (HOMES + 1),
    }
    full = context(
        contracted_kw=[8.0] * (HOMES + 1), supply=True, interval_minutes=interval_minutes,
        fields={**told, **{name: [value] * (HOMES + 1) for name, value in (archive or {}).items()}},
    )  # fmt: skip
    rows = list(order) if order is not None else list(range(HOMES + 1 if supply else HOMES))
    return replace(full, area=replace(full.area, meters=tuple(full.area.meters[row] for row in rows)))


def days(
    count: int,
    change: Change | None = None,
    alter: Change | None = None,
    *,
    order: Iterable[int] | None = None,
    noise_v: float = 0.1,
    interval_minutes: int = 15,
    seed: int = 3,
    only: Iterable[str] | None = None,
) -> Iterator[AreaCurves]:
    """Days of homes that live by themselves, each hour drawn anew around a rhythm; `only` leaves other columns unknown."""
    rng = np.random.default_rng(seed)
    rhythm = np.full(24, 0.4)
    rhythm[6:9], rhythm[12], rhythm[18:22] = 0.9, 0.7, 1.8
    size = np.linspace(0.7, 1.3, HOMES)
    size[WORKSHOP] = 4.0
    rows = list(order) if order is not None else list(range(HOMES + 1))
    for number in range(count):
        load = Load(number, rhythm[:, None] * size * np.exp(0.4 * rng.standard_normal((24, HOMES))))
        if change is not None:
            change(load)
        _flow(load, rng, noise_v)
        if alter is not None:
            alter(load)
        hourly = {name: values[:, rows] for name, values in load.hourly.items()}
        if interval_minutes == 1440:
            hourly = {name: _first_hour(name, values) for name, values in hourly.items()}
        if only is not None:
            hourly = {name: values for name, values in hourly.items() if name in set(only)}
        energy = hourly.pop("energy_kwh")
        yield replace(day(energy, number=number), hourly={**day(energy).hourly, **hourly})


def _first_hour(name: str, values: Rows) -> Rows:
    """A daily value stands in the hour in which the day begins."""
    whole = values.sum(axis=0) if name.endswith("_kwh") else values.mean(axis=0)
    return np.where(np.arange(24)[:, None] == 0, whole, np.nan)


def _flow(load: Load, rng: np.random.Generator, noise_v: float) -> None:
    """Volts, amperes and the supply meter's row, by what is drawn; what the meters say, by what is registered."""
    carries = np.where(PHASE >= 0, np.eye(3)[:, np.maximum(PHASE, 0)], 1.0)
    amperes = (load.drawn[:, None] * 1000 / VOLTS / FACTOR) * carries / carries.sum(axis=0)
    through = amperes * (1 - load.share_tapped)[:, None]
    shared = np.where(LINE[:, None] == LINE, np.minimum(STEP[:, None], STEP) + 1, 0)
    felt = 2.5 * amperes - 0.5 * amperes.sum(axis=1, keepdims=True)
    line_v = SEGMENT_OHM * (felt @ shared.T)
    bus_v = VOLTS + 4 + rng.normal(0, 1.0, (24, 3))
    volts = bus_v[:, :, None] - line_v - SERVICE_OHM * through + rng.normal(0, noise_v, line_v.shape)
    metered = load.drawn * (1 - load.share_tapped) * load.share_registered
    reported = through * load.share_registered[:, None]
    loss = 0.2 + 2e-4 * load.drawn.sum(axis=1) ** 2 + rng.normal(0, 0.05, 24)
    energy = np.column_stack([metered, load.drawn.sum(axis=1) + loss])
    load.hourly = {"energy_kwh": energy, "export_kwh": np.zeros(energy.shape), "step_kwh": 0.2 * energy}
    rows = np.arange(HOMES)
    single = PHASE >= 0
    for phase, letter in enumerate("abc"):
        own = np.where(single, np.maximum(PHASE, 0), phase)
        there = ~single | (phase == 0)
        volt = np.where(there, volts[:, own, rows], np.nan)
        ampere = np.where(there, reported[:, own, rows], np.nan)
        load.hourly[f"voltage_{letter}"] = np.column_stack([volt, bus_v[:, phase]])
        load.hourly[f"current_{letter}"] = np.column_stack([ampere, amperes[:, phase].sum(axis=1)])
    load.hourly["neutral_a"] = load.hourly["current_a"].copy()
    load.hourly["power_factor"] = np.full(energy.shape, FACTOR)
    load.hourly["implied_kwh"] = energy * 1.0


def live(expert: DayExpert, told: Iterable[AreaCurves], trusted: bool = True) -> list[Figures]:
    """Describe, then learn every day; what was said."""
    said = []
    for curves in told:
        said.append(expert.describe(curves))
        expert.learn(curves, np.full(curves.hourly["energy_kwh"].shape[1], trusted))
    return said


def from_day(first: int, change: Change) -> Change:
    """The change from that day on."""

    def changed(load: Load) -> None:
        if load.number >= first:
            change(load)

    return changed


def passes_by(home: int, share: float, hours: Iterable[int] = range(24)) -> Change:
    """So much of what the home draws flows past its meter in these hours."""

    def bypass(load: Load) -> None:
        load.share_registered[list(hours), home] = 1 - share

    return bypass


def away(home: int) -> Change:
    """Nobody is at home: a fifth is drawn."""

    def empty(load: Load) -> None:
        load.drawn[:, home] *= 0.2

    return empty
