"""Evidence: what a detector says about the meters of one area, in columns; one `Signal` per abnormality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from metering.alert import Reason
from metering.archive import Area
from metering.frame import ReadingFrame
from metering.times import LocalCalendar

#: At or above this strength the condition of an abnormality holds; at or below RECOVER it is gone; between, it stays as it was.
SET_STRENGTH = 0.8
RECOVER_STRENGTH = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One detector's evidence of one abnormality over all rows of a frame.

    `strength` has shape (meters,), 0..1, NaN = not judged; `observed` and `expected` have the same shape and the
    stated `unit`, NaN where there is nothing to say. A whole area's own evidence stands in its supply meter's row.
    `since_s` (epoch seconds, 0 = this interval) is the estimated onset per row, or None. `quiet` says that no strength
    is above RECOVER and no figure is given: such a signal can only end what is there, so that it costs next to nothing.
    `risk` (meters,) is the probability of a case where the detector knows one: an alert then carries it instead of the
    catalogue's weight. `reasons` gives a row's reasons in the detector's own words, asked only when an alert is raised.
    """

    detector: str
    abnormality: str
    strength: NDArray[np.float32]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]
    unit: str
    since_s: NDArray[np.int64] | None = None
    quiet: bool = False
    risk: NDArray[np.float64] | None = None
    reasons: Callable[[int], tuple[Reason, ...]] | None = None


class IntervalDetector(Protocol):
    """Judges every closed interval of one area. One instance per area; pure, no I/O, no clock.

    Contract (a generated test matrix holds every detector to it): `score` never changes the detector; `learn` never
    emits; the order of meters does not matter; NaN is not judged and never looks abnormal; strengths lie in 0..1;
    `dump` then `load` restores exactly the same behaviour; nothing above RECOVER before the warm-up is over; no randomness without a seed.
    """

    name: str
    abnormalities: tuple[str, ...]

    def score(self, frame: ReadingFrame) -> list[Signal]: ...

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:
        """Take the frame in. Rows that are not `trusted` must not change what counts as normal for them; counters
        of rules (stuck, zero, duration) still advance for every row with a measured value."""
        ...

    def dump(self) -> dict[str, bytes]:
        """State as pages by name. A page that did not change since the last `dump_dirty` has equal bytes."""
        ...

    def dump_dirty(self) -> dict[str, bytes]:
        """Only the pages changed since the last call (or since load)."""
        ...

    def load(self, pages: dict[str, bytes]) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class AreaHour:
    """The energy balance of one area over one clock hour (kWh), made of intervals in which every meter was measured.

    `coverage` is the share of the hour's intervals that could be balanced, 0..1.
    """

    transformer_area: str
    hour_start_s: int
    supplied_kwh: float
    metered_kwh: float
    coverage: float

    @property
    def loss_kwh(self) -> float:
        return self.supplied_kwh - self.metered_kwh


class HourDetector(Protocol):
    """Judges one area's hour. Same contract as `IntervalDetector`; its signals have the area's meters' shape."""

    name: str
    abnormalities: tuple[str, ...]

    def score(self, hour: AreaHour) -> list[Signal]: ...

    def learn(self, hour: AreaHour, trusted: bool) -> None: ...

    def dump(self) -> dict[str, bytes]: ...

    def dump_dirty(self) -> dict[str, bytes]: ...

    def load(self, pages: dict[str, bytes]) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class AreaCurves:
    """One area's local day by the hour: what day experts look at. Arrays are (24, meters) float64, NaN = not measured.

    `hourly` holds, by local hour: `energy_kwh`, `export_kwh`, `step_kwh` (sum of absolute steps between intervals),
    `implied_kwh` (voltage x current x power factor), means of `voltage_a` .. `voltage_c` (V), `current_a` .. `current_c` (A,
    signed), `neutral_a` (A) and `power_factor`. A single-phase meter stands in `_a`. Columns a feed does not carry are all NaN.
    Energies are of the measured intervals, scaled up to the whole hour where half of it or more was measured.
    `register_kwh` is the day's last register, `event_strength` how much the day's own events say, both (meters,).
    """

    transformer_area: str
    day_ordinal: int
    day_type: int
    """0 working day, 1 Saturday, 2 Sunday or holiday."""
    hourly: Mapping[str, NDArray[np.float64]]
    register_kwh: NDArray[np.float64]
    event_strength: NDArray[np.float64]

    @property
    def measured(self) -> NDArray[np.float64]:
        """Share of the day's hours with an energy, (meters,)."""
        energy = self.hourly["energy_kwh"]
        return np.asarray((energy == energy).mean(axis=0))

    def unheard(self, rows: NDArray[np.bool_]) -> AreaCurves:
        """The same day as if nothing had been measured at `rows` (meters,); what their meters reported of themselves stays."""
        if not np.count_nonzero(rows):
            return self
        hourly = {name: np.where(rows, np.nan, values) for name, values in self.hourly.items()}
        return replace(self, hourly=hourly, register_kwh=np.where(rows, np.nan, self.register_kwh))


class DayExpert(Protocol):
    """Describes every closed day of one area by a few figures per meter, against what it knows of that meter.

    `features` says what each figure means. `describe` never changes the expert; figures are (meters,) float64, NaN = not
    known. `learn` takes the day in: what was recent for every measured row, what is usual for `trusted` rows only.
    """

    name: str
    features: Mapping[str, str]

    def describe(self, day: AreaCurves) -> dict[str, NDArray[np.float64]]: ...

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None: ...

    def dump(self) -> dict[str, bytes]: ...

    def dump_dirty(self) -> dict[str, bytes]: ...

    def load(self, pages: dict[str, bytes]) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class AreaDay:
    """One area's closed local day: features per meter for the shared models.

    `features` maps a name to (meters,) float64 in [0, 1], NaN = not known; `family_strength` maps a family to the
    day's strongest evidence (meters,), weighted by the catalogue; `trusted` says whose day may be learnt as normal.
    `probability` (meters,) is how probable a case is by the area's own weighing, NaN = not judged; `figures`
    (meters, figures) float16 is what it was weighed by, in the prior's order, NaN = not known.
    """

    transformer_area: str
    day_ordinal: int
    meter_ids: tuple[str, ...]
    energy_kwh: NDArray[np.float64]
    missing_share: NDArray[np.float64]
    features: dict[str, NDArray[np.float64]]
    family_strength: dict[str, NDArray[np.float64]]
    trusted: NDArray[np.bool_]
    probability: NDArray[np.float64]
    figures: NDArray[np.float16]


class DayModel(Protocol):
    """A shared model over all areas, fed at the day's close in (area, meter) order: score all, then learn."""

    name: str

    def score(self, day: AreaDay) -> NDArray[np.float64]:
        """(meters,) 0..1, NaN = not judged (no features, or still warming up)."""
        ...

    def learn(self, day: AreaDay) -> None: ...

    def dump(self) -> bytes: ...

    def load(self, page: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class AreaContext:
    """What a per-area detector is built from."""

    area: Area
    interval_minutes: int
    calendar: LocalCalendar
    holidays: frozenset[date] = frozenset()
    """Local days that people spend like a Sunday."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """What the thresholds file says of abnormalities, by code (`detectors/limits.py`)."""

    def day_type(self, day: date) -> int:
        """0 working day, 1 Saturday, 2 Sunday or holiday."""
        return 2 if day.weekday() == 6 or day in self.holidays else int(day.weekday() == 5)
