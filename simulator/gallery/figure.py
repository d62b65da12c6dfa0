"""One card's figure: eight panels that show what changed on the way from the appliance to the area's balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulator.gallery.changes import Change, changed_most, most_changed_voltage
from simulator.gallery.stage import (
    INTERVAL_H,
    PER_DAY,
    Lived,
    Rows,
    Stage,
    by_day,
    daily_loss,
    daily_sum,
)
from simulator.gallery.svg import DRAWN, MUTED, ONSET, SOLD, WITH, WITHOUT, mark_onset, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_IN = (15.0, 5.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """What one card shows: the same weeks `with_it` and `without`.

    `row` is the customer it is about, -1 for a whole area. `events` are (day since the onset, word) of what meters reported.
    """

    name: str
    stage: Stage
    row: int
    with_it: Lived
    without: Lived
    drawn_kw: Rows
    """What the customer, or the area, truly draws (kW), (intervals,)."""
    events: Sequence[tuple[float, str]] = ()
    onset_day: int | None = None
    """None for what is so from the beginning."""
    booked_kwh: Rows | None = None
    """What the archive's meters report together, where they are not the area's own, (intervals,)."""

    @property
    def sold_with_kwh(self) -> Rows:
        return self.with_it.sold_kwh if self.booked_kwh is None else self.booked_kwh

    @property
    def meter(self) -> int:
        """Row of the meter it is about."""
        return self.row + 1

    @property
    def after(self) -> slice:
        return slice((self.onset_day or 0) * PER_DAY, None)


def figure_of(scene: Scene) -> str:
    """The SVG of a scene."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 4)
        before, after = shown_days(scene)
        voltage = most_changed_voltage(scene.with_it, scene.without, scene.row, scene.after)
        first, second = changed_most(scene.with_it, scene.without, scene.meter, scene.after)
        _daily_energy(panels[0, 0], scene)
        _daily_loss(panels[0, 1], scene)
        _daily_voltage(panels[0, 2], scene, voltage)
        _change(panels[0, 3], scene, first, after)
        _load(panels[1, 0], scene, before, "before")
        _load(panels[1, 1], scene, after, "after")
        if scene.onset_day is not None:
            low, high = zip(*(panels[1, n].get_ylim() for n in (0, 1)), strict=True)
            for n in (0, 1):
                panels[1, n].set_ylim(min(low), max(high))
        _curve(panels[1, 2], scene, voltage, after)
        _change(panels[1, 3], scene, second, after)

    return svg(scene.name, SIZE_IN, draw, f"{scene.name}: with and without")


def shown_days(scene: Scene) -> tuple[int, int]:
    """First of two days before, and first of the two days after on which most is different; the same weekdays."""
    onset = scene.onset_day
    first = 0 if onset is None else onset
    last = scene.stage.days - 2
    differs = np.zeros(scene.stage.days)
    for mine, other in _compared(scene):
        gap = np.abs(np.nan_to_num(mine, nan=0.0) - np.nan_to_num(other, nan=0.0))
        spread = max(float(np.nanstd(other)), 1e-6)
        differs += by_day(gap).mean(axis=-1) / spread
    pairs = differs[first : last + 1] + differs[first + 1 : last + 2]
    # among days that are nearly as telling a Wednesday: a plain working day
    telling = np.flatnonzero(pairs >= 0.9 * pairs.max()) + first
    weekday = (telling + scene.stage.start.weekday()) % 7
    order = np.lexsort((telling, ~np.isin(weekday, (1, 2, 3))))
    after = int(telling[order[0]])
    before = after
    while before + 1 >= first and before >= 7:
        before -= 7
    return before, after


def _compared(scene: Scene) -> list[tuple[Rows, Rows]]:
    mine, other = scene.with_it.columns, scene.without.columns
    row = scene.meter
    names = [n for n in mine if n not in ("temperature_c", "register_kwh") and np.isfinite(other[n][row]).any()]
    return [(mine[name][row], other[name][row]) for name in names]


def _day_axis(axes: Axes, scene: Scene) -> Rows:
    onset = scene.onset_day
    days = np.arange(scene.stage.days, dtype=np.float64) - (onset or 0)
    axes.set_xlim(days[0] - 0.5, days[-1] + 0.5)
    axes.set_xlabel("days since the onset" if onset is not None else "days", fontsize=7, labelpad=1)
    if onset is not None:
        mark_onset(axes, -0.5)
    return np.asarray(days)


def _daily_energy(axes: Axes, scene: Scene) -> None:
    days = _day_axis(axes, scene)
    what = "supplied" if scene.row < 0 else "reported"
    axes.set_title(f"Energy {what}, kWh a day")
    drawn = daily_sum(scene.drawn_kw * INTERVAL_H)
    if scene.row >= 0:
        axes.step(days, drawn, where="mid", color=DRAWN, linewidth=2.6, alpha=0.9)
    axes.plot(days, daily_sum(scene.without.net_kwh[scene.meter]), color=WITHOUT)
    axes.plot(days, daily_sum(scene.with_it.net_kwh[scene.meter]), color=WITH)
    if scene.row < 0:
        axes.plot(days, daily_sum(scene.sold_with_kwh), color=SOLD)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.0), high + 0.1 * (high - min(low, 0.0)))
    for nth, (day, word) in enumerate(scene.events[:4]):
        early = day < (days[0] + 2 * days[-1]) / 3
        axes.annotate(
            word.replace("_", " "),
            (day - 0.5, axes.get_ylim()[1]),
            (3 if early else -3, -8 - 8 * nth),
            textcoords="offset points",
            fontsize=6.5,
            color=ONSET,
            ha="left" if early else "right",
        )
        axes.plot(day - 0.5, axes.get_ylim()[1], marker="v", color=ONSET, markersize=5, clip_on=False)


def _daily_loss(axes: Axes, scene: Scene) -> None:
    days = _day_axis(axes, scene)
    axes.set_title("Line loss of the area, % of supplied")
    without = daily_loss(scene.without.net_kwh[0], scene.without.sold_kwh)
    with_it = daily_loss(scene.with_it.net_kwh[0], scene.sold_with_kwh)
    axes.plot(days, without, color=WITHOUT)
    axes.plot(days, with_it, color=WITH)
    low, high = axes.get_ylim()
    middle = (low + high) / 2
    half = max((high - low) / 2, 0.6)
    axes.set_ylim(middle - half, middle + half)


def _daily_voltage(axes: Axes, scene: Scene, voltage: Change) -> None:
    days = _day_axis(axes, scene)
    axes.set_title(f"{voltage.title}: daily range, mean")
    for values, colour in ((voltage.without, WITHOUT), (voltage.with_it, WITH)):
        of_day = by_day(values)
        known = np.isfinite(of_day).any(axis=-1)
        low, middle, high = np.full((3, len(days)), np.nan)
        low[known] = np.nanmin(of_day[known], axis=-1)
        middle[known] = np.nanmean(of_day[known], axis=-1)
        high[known] = np.nanmax(of_day[known], axis=-1)
        axes.fill_between(days, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(days, middle, color=colour)


def _load(axes: Axes, scene: Scene, first_day: int, when: str) -> None:
    if when == "before" and scene.onset_day is None:
        axes.set_axis_off()
        return
    where, hours = _two_days(axes, first_day)
    title = "Load" if scene.onset_day is None else f"Load {when}"
    axes.set_title(f"{title}, kW: {_named(scene, first_day)}")
    if scene.row >= 0:
        drawn = scene.drawn_kw[where]
        axes.fill_between(hours, np.minimum(drawn, 0), np.maximum(drawn, 0), color=DRAWN, alpha=0.55, linewidth=0)
    axes.plot(hours, scene.without.net_kwh[scene.meter][where] / INTERVAL_H, color=WITHOUT, linewidth=1.0)
    axes.plot(hours, scene.with_it.net_kwh[scene.meter][where] / INTERVAL_H, color=WITH)
    if scene.row < 0:
        axes.plot(hours, scene.sold_with_kwh[where] / INTERVAL_H, color=SOLD)


def _curve(axes: Axes, scene: Scene, change: Change, first_day: int) -> None:
    where, hours = _two_days(axes, first_day)
    axes.set_title(f"{change.title}: {_named(scene, first_day)}")
    axes.plot(hours, change.without[where], color=WITHOUT, linewidth=1.0)
    axes.plot(hours, change.with_it[where], color=WITH, linewidth=1.0)


def _change(axes: Axes, scene: Scene, change: Change, first_day: int) -> None:
    if not change.by_day:
        _curve(axes, scene, change, first_day)
        return
    _day_axis(axes, scene)
    onset = scene.onset_day or 0
    days = np.arange(len(change.without)) / (len(change.without) / scene.stage.days) - onset - 0.5
    axes.set_title(change.title)
    axes.plot(days, change.without, color=WITHOUT, linewidth=1.0)
    axes.plot(days, change.with_it, color=WITH)


def _two_days(axes: Axes, first_day: int) -> tuple[slice, Rows]:
    where = slice(first_day * PER_DAY, (first_day + 2) * PER_DAY)
    axes.set_xlim(0, 48)
    axes.set_xticks(range(0, 49, 6), [str(hour % 24) for hour in range(0, 49, 6)])
    axes.axvline(24, color=MUTED, linewidth=0.6)
    # in the middle of each interval
    return where, np.asarray((np.arange(2 * PER_DAY) + 0.5) * INTERVAL_H, dtype=np.float64)


def _named(scene: Scene, first_day: int) -> str:
    one, two = (scene.stage.start + timedelta(days=first_day + n) for n in (0, 1))
    return f"{one:%a} {one.day}, {two:%a} {two.day} {two:%b}"
