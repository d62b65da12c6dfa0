"""Each meter's register against the sum of its intervals: does it count what the curve shows, fall, or run away (DQ-04, EN-02, EN-03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.memory import F64, DayEnergy, Figure, Figures, OfTheDay, count_up, keep, moved
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext, AreaCurves

_F32, _F64 = np.float32, np.float64
#: A register is read to a hundredth; less is no movement.
_RESOLUTION_KWH = 0.01
_LEAST_KWH = 0.3
#: Below this share of measured hours between two registers, their sum says nothing of them.
_LEAST_MEASURED = 0.5
_FADES = 0.97
#: A register that moved by more than so many times what intervals and habit say, and this much, waits for the next one;
#: not where its recent gap is this large already: then it does so every day.
_JUMP_TIMES, _JUMP_KWH, _JUMPS_DAILY = 3.0, 3.0, 0.2
#: Beyond so many times what the intervals show, and this much, a register was not moved by energy.
_RISE_TIMES, _RISE_KWH = 2.0, 1.0
_LONGEST_AGO_DAYS = 90
_REMEMBERED = ("gap", "usual_gap", "gap_kwh", "usual_step_kwh", "ran", "stood")

_FIGURES = Figures(
    {
        "register_gap": Figure("recent (some two days) share by which the register moved more than the intervals' sum, beyond what missing hours may explain", -1, 1),
        "register_gap_size": Figure("size of register_gap, whichever way", 0, 1),
        "register_gap_change": Figure("register_gap less what is usual: a constant that was always wrong is the archive's", -2, 2),
        "register_gap_kwh": Figure("kWh a day by which the register moved more than the intervals' sum, recently", -1e5, 1e5),
        "register_fell": Figure("1 on the day on which the next register bears out that one was lower than before, forgotten by 3 % a day", 0, 1),
        "register_ran": Figure("log of recent over usual movement of the register per day", -8, 8),
        "register_stood": Figure("how often the register stood still recently while the intervals show use", 0, 1),
        "register_age_days": Figure("days since the last register, 0 = today", 0, _LONGEST_AGO_DAYS),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayRegistersParams:
    warm_up_days: float = parameter(
        10.0, meaning="judged registers before they are described", unit="registers", low=3, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.4, meaning="weight of a register in the recent figures", unit="1", low=0.05, high=1, source="as mis in the prototype"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


class DayRegisters:
    """Compares how far a register moved since the one before with the energies measured in between.

    Registers may come daily or now and then; where hours are missing in between, what they may have carried (as the measured ones)
    is no disagreement. A register that passes its last digit starts anew and has not fallen. One that is lower than before, or far higher
    than energy explains, waits for the next: where that is back on the old course, one value was faulty, and nothing fell. A daily
    register must be that of local midnight for the sums to meet. Figures are NaN for supply meters, before ten registers were compared, and where a feed has none.

    >>> from detectors.examples import context, day
    >>> registers = DayRegisters(context(meters=2), DayRegistersParams())
    >>> for number in range(30):
    ...     slipping = 9.6 * number if number < 25 else 9.6 * 25 + 7.2 * (number - 25)
    ...     read = [5000 + 9.6 * number, 700 + slipping]
    ...     registers.learn(day(np.full((24, 2), 0.4), number=number, register_kwh=read), np.ones(2, bool))
    >>> figures = registers.describe(day(np.full((24, 2), 0.4), number=30, register_kwh=[5288.0, 976.0]))
    >>> [figures[name].round(2).tolist() for name in ("register_gap", "register_fell")]
    [[0.0, -0.23], [0.0, 0.0]]
    """

    name = "day_registers"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayRegistersParams | None = None) -> None:
        self._params = params or DayRegistersParams()
        self._context = context
        self._customer = ~context.area.is_supply
        count = len(context.area)
        layout = {
            "days": {
                "register_kwh": Slab((count,), _F64, np.nan),
                "since_kwh": Slab((count,), _F64),  # measured since that register
                "measured_days": Slab((count,), _F32),
                "passed_days": Slab((count,), _F32),
                "held_kwh": Slab((count,), _F64, np.nan),  # a register that waits for the next one
                "held_fell": Slab((count,), np.bool_),
                "since_held_kwh": Slab((count,), _F64),
                "fell": Slab((count,), _F32),
            }
            | dict.fromkeys(_REMEMBERED, Slab((count,), _F32, np.nan))
            | {"learnt": Slab((count,), np.uint8)}
        }
        self._pages = StatePages("day_registers/2", layout)
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._now = OfTheDay(self._recently)

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        days = self._days
        now = self._now(day)
        figures = {
            "register_gap": now["gap"],
            "register_gap_size": np.abs(now["gap"]),
            "register_gap_change": now["gap"] - days["usual_gap"],
            "register_gap_kwh": now["gap_kwh"],
            "register_fell": now["fell"],
            "register_ran": now["ran"],
            "register_stood": now["stood"],
            "register_age_days": np.where(now["read"] > 0, 0.0, now["passed_days"]),
        }
        return _FIGURES.bounded(figures, self._customer & (days["learnt"] >= self._params.warm_up_days))

    def _recently(self, day: AreaCurves) -> dict[str, F64]:
        """What is remembered, with this day taken in; the day's own comparison as `today_...`."""
        days, rate = self._days, self._params.recent_rate
        measured_kwh, measured_days = self._measured(day)
        since_kwh = days["since_kwh"] + measured_kwh
        coverage_days = days["measured_days"] + measured_days
        passed_days = days["passed_days"] + 1.0
        coverage = coverage_days / passed_days
        step, fallen = register_step(days["register_kwh"], day.register_kwh, since_kwh)
        usual_kwh = np.fmax(since_kwh / np.maximum(coverage, _LEAST_MEASURED), days["usual_step_kwh"] * passed_days)
        jumped = (coverage >= _LEAST_MEASURED) & (step > _JUMP_TIMES * usual_kwh + _JUMP_KWH)
        jumped &= days["gap"] < _JUMPS_DAILY
        # of two in a row that are so odd the second is believed
        waits = np.isfinite(step) & self._customer & (fallen | jumped) & np.isnan(days["held_kwh"])
        read = np.isfinite(day.register_kwh) & self._customer & ~waits
        compared = read & np.isfinite(days["register_kwh"])
        since_held_kwh = days["since_held_kwh"] + measured_kwh
        fell = fallen | (days["held_fell"] & ~self._returned(day.register_kwh, since_held_kwh))
        moved_on = compared & ~fell
        gap, gap_kwh = _gap(step, since_kwh, coverage)
        per_day = step / passed_days
        ran = np.log((np.maximum(per_day, 0.0) + _LEAST_KWH) / (days["usual_step_kwh"] + _LEAST_KWH))
        stood = np.where(since_kwh > _LEAST_KWH, (np.abs(step) < _RESOLUTION_KWH).astype(np.float64), np.nan)
        return {
            "gap": moved(days["gap"], gap, rate, moved_on),
            "gap_kwh": moved(days["gap_kwh"], gap_kwh / passed_days, rate, moved_on),
            "ran": moved(days["ran"], ran, rate, moved_on),
            "stood": moved(days["stood"], stood, rate, compared),
            "fell": np.maximum(_FADES * days["fell"], np.where(compared & fell, 1.0, 0.0)),
            "today_gap": np.where(moved_on, gap, np.nan),
            "today_step_kwh": np.where(moved_on, per_day, np.nan),
            "since_kwh": since_kwh,
            "measured_days": coverage_days,
            "passed_days": passed_days,
            "read": read.astype(np.float64),
            "waits": waits.astype(np.float64),
            "held_fell": fallen.astype(np.float64),
            "since_held_kwh": np.where(waits, 0.0, since_held_kwh),
        }

    def _returned(self, register_kwh: F64, since_held_kwh: F64) -> NDArray[np.bool_]:
        """(meters,) whose register left the one that waited as no energy moves it, and is not below the one before that."""
        held = self._days["held_kwh"]
        moved_kwh = register_kwh - held
        by_energy = (moved_kwh >= -_RESOLUTION_KWH) & (moved_kwh <= _RISE_TIMES * since_held_kwh + _RISE_KWH)
        not_below = register_kwh >= self._days["register_kwh"] - _RESOLUTION_KWH
        return np.asarray(np.isfinite(held) & ~by_energy & not_below)

    def _measured(self, day: AreaCurves) -> tuple[F64, F64]:
        """(kWh measured, share of the day measured), (meters,)."""
        energy = day.hourly["energy_kwh"]
        measured = DayEnergy.of(day, self._context).measured
        return np.where(energy == energy, energy, 0.0).sum(axis=0), measured

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        days = self._days
        now = self._now(day)
        read = now["read"] > 0
        for name in ("gap", "gap_kwh", "ran", "stood", "fell"):
            keep(days[name], now[name])
        usual = trusted & (now["today_gap"] == now["today_gap"])
        keep(days["usual_gap"], moved(days["usual_gap"], now["today_gap"], 0.05, usual))
        keep(days["usual_step_kwh"], moved(days["usual_step_kwh"], now["today_step_kwh"], 0.05, trusted))
        for name in ("since_kwh", "measured_days", "passed_days"):
            keep(days[name], np.where(read, 0.0, now[name]))
        np.copyto(days["register_kwh"], day.register_kwh, where=read)
        waits = now["waits"] > 0
        days["held_kwh"][...] = np.where(waits, day.register_kwh, np.where(read, np.nan, days["held_kwh"]))
        days["held_fell"][...] = np.where(waits, now["held_fell"] > 0, days["held_fell"] & ~read)
        days["since_held_kwh"][...] = now["since_held_kwh"]
        count_up(days["learnt"], now["today_gap"] == now["today_gap"])
        self._now.forget()
        self._pages.touch("days")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._now.forget()


def register_step(before_kwh: F64, register_kwh: F64, since_kwh: F64) -> tuple[F64, NDArray[np.bool_]]:
    """(how far the register moved, whether it fell); passing 9...9 is a movement, not a fall."""
    step = register_kwh - before_kwh
    digits = np.ceil(np.log10(np.maximum(before_kwh, 10.0) + 1.0))
    around = step + 10.0**digits
    passed = (step < 0) & (around <= 3 * since_kwh + 1.0)
    step = np.where(passed, around, step)
    return step, step < -_RESOLUTION_KWH


def _gap(step: F64, since_kwh: F64, coverage: F64) -> tuple[F64, F64]:
    """(share, kWh) by which the register moved more than the intervals, less what missing hours may explain; NaN where too few were measured."""
    filled = since_kwh / np.maximum(coverage, _LEAST_MEASURED)
    difference = step - filled
    share = difference / np.maximum(np.maximum(step, filled), _LEAST_KWH)
    beyond = np.clip(np.maximum(np.abs(share) - (1 - coverage), 0.0), 0.0, 1.0) * np.sign(share)
    enough = coverage >= _LEAST_MEASURED
    kwh = np.where(beyond != 0, difference, 0.0)
    return np.where(enough, beyond, np.nan), np.where(enough, kwh, np.nan)
