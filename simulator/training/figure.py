"""The figures of an exercise: what an inspector sees of one service point, and what was truly drawn there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from metering.times import DAY_S
from simulator.gallery.svg import DRAWN, MUTED, ONSET, SERIES, SOLD, TEXT, WITH, WITHOUT, svg
from simulator.province import Province
from simulator.training.points import Point
from simulator.training.recorded import VOLTAGES, Recorded, Rows
from simulator.world.bookings import BookingChange

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_IN, ANSWER_IN = (15.0, 2.1), (9.0, 1.9)
ROW_PLACES = {"left": 0.032, "right": 0.995, "bottom": 0.13, "top": 0.95, "wspace": 0.16}
ONE_PLACE = {"left": 0.05, "right": 0.995, "bottom": 0.14, "top": 0.95}
CURRENTS = ("current_a", "current_a_a", "current_b_a", "current_c_a")
PHASE_COLOURS = (WITH, SERIES[4], SERIES[2])
FIRST_DAYS, LAST_DAYS = 28, 14
SLOTS_DRAWN = 48


@dataclass(frozen=True, eq=False)
class Seen:
    """One service point with what is known of it besides its readings; times are days since the feed's first day."""

    point: Point
    recorded: Recorded
    province: Province
    events: Sequence[tuple[float, str]]
    outages: Sequence[tuple[float, float]]
    works: Sequence[tuple[float, float]]
    life: Sequence[BookingChange]
    """All benign life at the service point."""

    def column(self, name: str) -> Rows | None:
        """None where the meter reports no such thing."""
        values = self.recorded.readings[self.point.meter.service_point].get(name)
        return None if values is None or not np.isfinite(values).any() else np.asarray(values, dtype=np.float64)

    @property
    def net_kwh(self) -> Rows:
        energy, export = self.column("energy_kwh"), self.column("export_kwh")
        if energy is None:
            return np.full(len(self.recorded.start_s), np.nan)
        return energy if export is None else np.asarray(energy - np.nan_to_num(export))

    @property
    def area(self) -> str:
        return self.point.meters[0].transformer_area


def figures_of(seen: Seen, name: str) -> tuple[str, str]:
    """Two rows of four panels each; their titles are the page's."""

    def upper(figure: Figure) -> None:
        panels = figure.subplots(1, 4, gridspec_kw=ROW_PLACES)
        _energy(panels[0], seen)
        _line(panels[1], seen, seen.recorded.loss_percent[seen.area], SOLD)
        _voltage(panels[2], seen)
        _current(panels[3], seen)
        _dated(panels, seen)

    def lower(figure: Figure) -> None:
        panels = figure.subplots(1, 4, gridspec_kw=ROW_PLACES)
        _map(panels[0], seen)
        _typical_days(panels[1], seen)
        if seen.point.of_area:
            _transformer(panels[2], seen)
            _extremes(panels[3], seen)
        else:
            _power_factor(panels[2], seen)
            _register(panels[3], seen)
        _dated((panels[0], panels[2], panels[3]), seen)

    return svg(f"{name} above", ROW_IN, upper, name, spaced=False), svg(
        f"{name} below", ROW_IN, lower, name, spaced=False
    )


def answer_figure(seen: Seen, unmetered_kwh: Rows, name: str) -> str:
    """What was reported and what was truly drawn, day by day, with the time that it is about."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(gridspec_kw=ONE_PLACE)
        days = np.arange(seen.recorded.days) + 0.5
        reported = seen.recorded.daily(seen.net_kwh)
        if seen.point.case is not None:
            axes.step(days, reported + unmetered_kwh, where="mid", color=DRAWN, linewidth=2.6)
        axes.plot(days, reported, color=WITH)
        begins_s = int(seen.recorded.start_s[0])
        for moment_s in (seen.point.since_s, seen.point.until_s):
            if moment_s is not None and begins_s < moment_s < seen.recorded.start_s[-1]:
                axes.axvline((moment_s - begins_s) / DAY_S, color=ONSET, linewidth=0.9, linestyle=(0, (3, 2)))
        _dated((axes,), seen)

    return svg(f"{name} answer", ANSWER_IN, draw, name, spaced=False)


def weather_figure(province: Province) -> str:
    """The temperature outside, which explains much."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots(gridspec_kw=ONE_PLACE)
        mean_c: dict[int, list[float]] = {}
        for window in province.windows():
            mean_c.setdefault(window.day_number, []).extend(window.temperature_c.tolist())
        days = np.array(list(mean_c), dtype=np.float64) + 0.5
        axes.fill_between(
            days, [min(c) for c in mean_c.values()], [max(c) for c in mean_c.values()], color=WITH, alpha=0.2
        )
        axes.plot(days, [float(np.mean(c)) for c in mean_c.values()], color=WITH)
        _dates(axes, province, len(days))

    return svg("weather", ROW_IN, draw, "temperature outside", spaced=False)


# --- panels


def _days(seen: Seen) -> Rows:
    return np.asarray(np.arange(seen.recorded.days) + 0.5, dtype=np.float64)


def _energy(axes: Axes, seen: Seen) -> None:
    if seen.point.of_area:
        axes.plot(_days(seen), seen.recorded.sold_kwh[seen.area], color=SOLD)
    axes.plot(_days(seen), seen.recorded.daily(seen.net_kwh), color=WITH)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), high + 0.12 * (high - min(low, 0.0)))
    top = axes.get_ylim()[1]
    for begins, ends in seen.works:
        axes.axvspan(begins, max(ends, begins + 0.4), color=SOLD, alpha=0.35, linewidth=0)
    for day, code in seen.events:
        quiet = code in ("power_off", "power_on")
        axes.plot(day, top, marker="v", color=MUTED if quiet else ONSET, markersize=3 if quiet else 5, clip_on=False)


def _line(axes: Axes, seen: Seen, values: Rows, colour: str) -> None:
    axes.plot(_days(seen), values, color=colour)
    low, high = axes.get_ylim()
    middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
    axes.set_ylim(middle - half, middle + half)


def _voltage(axes: Axes, seen: Seen) -> None:
    phases = [values for name in VOLTAGES if (values := seen.column(name)) is not None]
    for values, colour in zip(phases, PHASE_COLOURS, strict=False):
        table = seen.recorded.by_day(values.astype(np.float32))
        known = np.isfinite(table).any(axis=1)
        low, high = np.full((2, len(table)), np.nan)
        low[known], high[known] = np.nanmin(table[known], axis=1), np.nanmax(table[known], axis=1)
        axes.fill_between(_days(seen), low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(_days(seen), seen.recorded.daily_mean(values), color=colour, linewidth=1.0)


def _current(axes: Axes, seen: Seen) -> None:
    phases = [values for name in CURRENTS if (values := seen.column(name)) is not None]
    for values, colour in zip(phases, PHASE_COLOURS, strict=False):
        axes.plot(_days(seen), seen.recorded.daily_mean(values), color=colour)
    neutral = seen.column("neutral_current_a")
    if neutral is not None:
        axes.plot(_days(seen), seen.recorded.daily_mean(neutral), color=TEXT, linewidth=0.9, linestyle=(0, (4, 2)))


def _map(axes: Axes, seen: Seen) -> None:
    """Mean load by half hour and day: what is regular makes lines, what begins makes edges."""
    table = seen.recorded.by_day((seen.net_kwh / seen.recorded.interval_h).astype(np.float32))
    per_slot = max(1, table.shape[1] // SLOTS_DRAWN)
    slots = table[:, : table.shape[1] // per_slot * per_slot].reshape(len(table), -1, per_slot).mean(axis=2)
    known = slots[np.isfinite(slots)]
    low, high = (0.0, 1.0) if not len(known) else (min(float(known.min()), 0.0), float(np.quantile(known, 0.99)))
    axes.imshow(
        slots.T,
        aspect="auto",
        origin="upper",
        extent=(0, len(slots), 24, 0),
        cmap="YlGnBu",
        vmin=low,
        vmax=max(high, low + 1e-3),
        interpolation="none",
    )
    axes.set_yticks(range(0, 25, 6))
    axes.grid(visible=False)


def _typical_days(axes: Axes, seen: Seen) -> None:
    table = seen.recorded.by_day((seen.net_kwh / seen.recorded.interval_h).astype(np.float32))
    hours = (np.arange(table.shape[1]) + 0.5) * seen.recorded.interval_h
    first, last = table[: min(FIRST_DAYS, len(table) // 2)], table[-min(LAST_DAYS, len(table) // 2) :]
    for part, colour in ((first, WITHOUT), (last, WITH)):
        known = np.isfinite(part).any(axis=0)
        if known.any():
            axes.plot(hours[known], np.nanmean(part[:, known], axis=0), color=colour)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 6))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), high)


def _power_factor(axes: Axes, seen: Seen) -> None:
    factor = seen.column("power_factor")
    if factor is not None:
        axes.plot(_days(seen), seen.recorded.daily_mean(factor), color=WITH)
    axes.set_ylim(0, 1.05)


def _register(axes: Axes, seen: Seen) -> None:
    """By how much the register moved more than the energies add up to; what lies far outside is drawn at the edge."""
    register = seen.column("register_kwh")
    if register is None:
        return
    energy = seen.column("energy_kwh")
    whole = np.bincount(seen.recorded.day_of, np.isnan(energy if energy is not None else register)) == 0
    shown = seen.recorded.by_day(register.astype(np.float32))
    at_end = shown[:, -1]
    moved = np.diff(at_end, prepend=np.nan)
    usual = seen.recorded.daily(energy if energy is not None else register)
    gap = np.where(whole, moved - usual, np.nan)
    limit = max(2.0 * float(np.nanmedian(np.abs(usual))), 1.0)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.plot(_days(seen), np.clip(gap, -limit, limit), color=WITH, marker=".", markersize=3, linewidth=0.8)
    axes.set_ylim(-1.1 * limit, 1.1 * limit)


def _transformer(axes: Axes, seen: Seen) -> None:
    """The day's highest load in per cent of the rating, by energy and power factor."""
    rated_kva = seen.point.meter.rated_kva or np.nan
    factor = seen.column("power_factor")
    load_kva = seen.net_kwh / seen.recorded.interval_h / (0.95 if factor is None else np.maximum(factor, 0.3))
    table = seen.recorded.by_day((100 * load_kva / rated_kva).astype(np.float32))
    known = np.isfinite(table).any(axis=1)
    highest = np.full(len(table), np.nan)
    highest[known] = np.nanmax(table[known], axis=1)
    axes.axhline(100, color=ONSET, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.plot(_days(seen), highest, color=WITH)
    axes.set_ylim(0, None)


def _extremes(axes: Axes, seen: Seen) -> None:
    axes.plot(_days(seen), seen.recorded.highest_v[seen.area], color=SERIES[4])
    axes.plot(_days(seen), seen.recorded.lowest_v[seen.area], color=WITH)


def _dated(panels: Sequence[Axes], seen: Seen) -> None:
    for axes in panels:
        _dates(axes, seen.province, seen.recorded.days)
        for begins, ends in seen.outages:
            axes.axvspan(begins, max(ends, begins + 0.15), color=MUTED, alpha=0.3, linewidth=0)


def _dates(axes: Axes, province: Province, days: int) -> None:
    """Mondays, a fortnight apart, as month-day: the same in every language."""
    first = (7 - province.first_day.weekday()) % 7
    step = 7 * max(1, round(days / 49))
    ticks = range(first, days + 1, step)
    axes.set_xlim(0, days)
    axes.set_xticks(list(ticks), [f"{province.first_day + timedelta(days=n):%m-%d}" for n in ticks])
