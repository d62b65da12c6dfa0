"""What is drawn of one case: its meter's daily energy and risk over the whole feed, and the typical day before and since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.detection import CaseOutcome
from evaluation.load_curves import COMPARED_S, LoadCurve
from evaluation.run_rows import DailyRisk
from evaluation.svg import ACCENT, BAD, MUTED, WARN, drawn
from metering.times import DAY_S, LocalCalendar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNIX_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class CasePicture:
    """What is drawn of one missed case. Days are local days as ordinals; `onset` and `end` are days and fractions of one.

    `truly_kwh` is registered plus unmetered energy where that is known. Typical days are (24,) kW, None where there is
    none; `end` None: lasts to the feed's end.
    """

    name: str
    days: NDArray[np.int64]
    registered_kwh: NDArray[np.float64]
    truly_kwh: NDArray[np.float64] | None
    risk_days: NDArray[np.int64]
    risk: NDArray[np.float64]
    onset: float
    end: float | None
    before_kw: NDArray[np.float64] | None
    after_kw: NDArray[np.float64] | None


def case_curves(case: CasePicture) -> str:
    """Daily energy over the whole feed, the meter's risk below it, and its typical day before and since the onset."""

    def draw(figure: Figure) -> None:
        typical = case.before_kw is not None or case.after_kw is not None
        grid = figure.add_gridspec(
            2, 2 if typical else 1, height_ratios=(3, 1), width_ratios=(2.6, 1) if typical else None
        )
        energy = figure.add_subplot(grid[0, 0])
        risk = figure.add_subplot(grid[1, 0], sharex=energy)
        _draw_energy(energy, case)
        _draw_risk(risk, case)
        energy.tick_params(labelbottom=False)
        if typical:
            _draw_typical_day(figure.add_subplot(grid[:, 1]), case)

    return drawn(f"case {case.name}", (10.4, 3.1), draw, "daily energy, daily risk and typical day of the meter")


def _place(days: NDArray[np.int64] | float) -> Any:
    """matplotlib counts days from 1970."""
    return np.asarray(days) - _UNIX_EPOCH


def _draw_energy(axes: Axes, case: CasePicture) -> None:
    x = _place(case.days) + 0.5
    if case.truly_kwh is not None:
        axes.fill_between(x, case.registered_kwh, case.truly_kwh, color=BAD, alpha=0.25, linewidth=0)
        axes.plot(x, case.truly_kwh, color=BAD, linewidth=1, linestyle=(0, (3, 2)))
    axes.plot(x, case.registered_kwh, color=ACCENT)
    drawn_kwh = np.concatenate([case.registered_kwh, [] if case.truly_kwh is None else case.truly_kwh])
    highest = float(np.nanmax(drawn_kwh)) if np.isfinite(drawn_kwh).any() else 1.0
    axes.set_ylim(0, 1.08 * (highest or 1.0))
    axes.set_ylabel("kWh a day")
    _draw_case(axes, case)


def _draw_risk(axes: Axes, case: CasePicture) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.fill_between(_place(case.risk_days) + 0.5, case.risk, color=WARN, alpha=0.3, linewidth=0, step="mid")
    axes.step(_place(case.risk_days) + 0.5, case.risk, where="mid", color=WARN, linewidth=1.2)
    axes.set_ylim(0, max(1.0, float(case.risk.max(initial=1.0))))
    axes.set_yticks([0, 1])
    axes.set_ylabel("risk")
    _draw_case(axes, case)
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _draw_case(axes: Axes, case: CasePicture) -> None:
    everything = np.concatenate([case.days, case.risk_days])
    last = float(everything.max(initial=int(case.onset))) + 1
    first = float(everything.min(initial=int(case.onset)))
    end = last if case.end is None else min(case.end, last)
    axes.axvspan(_place(case.onset), _place(end), color=BAD, alpha=0.07, linewidth=0)
    axes.axvline(_place(case.onset), color=BAD, linewidth=1.2)
    axes.set_xlim(_place(first), _place(last))


def _draw_typical_day(axes: Axes, case: CasePicture) -> None:
    hours = np.arange(25)
    for curve, colour in ((case.before_kw, MUTED), (case.after_kw, ACCENT)):
        if curve is not None:
            axes.step(hours, np.append(curve, curve[-1]), where="post", color=colour)
    axes.set(xlim=(0, 24), xticks=(0, 6, 12, 18, 24), xlabel="hour of the local day", ylabel="mean kW")
    axes.set_ylim(bottom=0)


def picture_of(
    outcome: CaseOutcome, curve: LoadCurve, risk: DailyRisk, unmetered: Mapping[int, float] | None
) -> CasePicture:
    """What to draw of a case: its meter's load curve, its risk, and where known the energy that was not registered."""
    case, calendar = outcome.case, curve.calendar
    days, registered = curve.by_day()
    risk_days, daily_risk = risk.of_meter(case.meter_id)
    truly = None
    if unmetered is not None:
        truly = registered + np.array([unmetered.get(int(day), 0.0) for day in days])
    end_s = case.end_s
    return CasePicture(
        name=f"{case.meter_id} {case.abnormality} {case.start_s}",
        days=days,
        registered_kwh=registered,
        truly_kwh=truly,
        risk_days=risk_days,
        risk=daily_risk,
        onset=_moment(calendar, case.start_s),
        end=None if end_s is None else _moment(calendar, end_s),
        before_kw=curve.typical_day(case.start_s - COMPARED_S, case.start_s),
        after_kw=curve.typical_day(
            case.start_s, case.start_s + COMPARED_S if end_s is None else min(end_s, case.start_s + COMPARED_S)
        ),
    )


def _moment(calendar: LocalCalendar, epoch_s: int) -> float:
    """A moment as the ordinal of its local day and the share of it that is over."""
    day = calendar.day_of(epoch_s)
    return day.toordinal() + (epoch_s - calendar.day_start(day)) / DAY_S
