"""Which meter's use fell on the day its area's unexplained loss rose, by as much (TH-11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_F32, _NAN = np.float32, np.float32(np.nan)
#: Days that are looked back upon (short, or one case hides the next), and how many must lie on each side of an onset.
_WINDOW, _BEFORE, _AFTER = 18, 5, 3
#: Copper loss in low-voltage areas is at most this share of what is supplied.
_COPPER_SHARE = 0.1

ExpectedEnergy = Callable[[ReadingFrame], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class LossFollowerParams:
    set_t: float = parameter(
        5.0,
        meaning="how clearly both the meter's drop and the area's loss must step, over their standard errors",
        unit="1",
        low=2,
        high=50,
        source="replay",
    )
    drop_share: float = parameter(
        0.25, meaning="step of the meter's use over what it was", unit="1", low=0.05, high=0.9, source="proposed"
    )
    least_kwh_per_day: float = parameter(
        1.0, meaning="smallest step worth a visit", unit="kWh/d", low=0.1, high=100, source="proposed"
    )
    least_match: float = parameter(
        0.5,
        meaning="step of the area's loss over the step of the meter's use; it may be this much larger twice over",
        unit="1",
        low=0.1,
        high=1,
        source="proposed: what is not metered is lost",
    )
    explained_share: float = parameter(
        0.3,
        meaning="share of the loss's variance that goes when the meter's missing energy is given back",
        unit="1",
        low=0.05,
        high=0.95,
        source="replay: an empty home explains nothing of the loss",
    )
    hold_share: float = parameter(
        0.4,
        meaning="share of its first step below which a case is over",
        unit="1",
        low=0.1,
        high=0.9,
        source="proposed",
    )
    stand_in_share: float = parameter(
        0.1,
        meaning="share of customers whose expected energy may stand in for a missing reading",
        unit="1",
        low=0,
        high=0.5,
        source="as for the balance",
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class LossFollower:
    """Sets each meter's missing energy (expected by its profile minus metered) against the area's unexplained loss.

    Over the last days each meter's own best onset is sought. `use_drop_with_loss` holds when the meter's
    use stepped down there, the loss stepped up there by a similar amount, and giving the missing energy back takes the
    variance out of the loss. An empty home fails the second test, a tapping without a meter the first. One meter a day
    is believed, the one that explains most; what it misses is taken off the loss before the next. It then holds until
    drop or loss is gone.
    `observed` is the step of the loss, `expected` that of the meter's use (kWh/d), `since_s` the onset's day. Areas
    without a supply meter are not judged; intervals in which too many customers are missing count nothing.
    """

    name = "loss_follower"
    abnormalities: tuple[str, ...] = ("use_drop_with_loss",)

    def __init__(self, context: AreaContext, params: LossFollowerParams, expected_kwh: ExpectedEnergy) -> None:
        self._params = params
        self._context = context
        self._expected_kwh = expected_kwh
        area = context.area
        count = len(area)
        self._supply, self._customer = area.is_supply, ~area.is_supply
        self._supply_rows, self._customer_rows = area.supply_rows, area.customer_rows
        self._active = bool(self._supply.any()) and bool(self._customer.any())
        row = Slab((count,), _F32)
        layout = {
            "day": {
                # ordinal, intervals seen, intervals balanced
                "clock": Slab((3,), np.int64),
                # sums over the balanced intervals: supplied s, loss l, s^2, s^4, l s^2
                "area": Slab((5,), np.float64),
                "drop": row,
                "expected": row,
                "known": Slab((count,), np.int32),
            },
            "window": {
                "drop": Slab((_WINDOW, count), _F32, np.nan),
                "usual": Slab((count,), _F32, np.nan),
                "unexplained": Slab((_WINDOW,), np.float64, np.nan),
                "days": Slab((_WINDOW,), np.int64),
                # loss per squared load, and of how many days it is the mean
                "fit": Slab((2,), np.float64),
                "strength": Slab((count,), _F32, np.nan),
                "held": Slab((count,), np.bool_),
                "step_drop": row,
                "step_loss": row,
                "loss_before": row,
                "refuted_drop": row,
                "since_s": Slab((count,), np.int64),
            },
        }
        self._pages = StatePages("loss_follower/1", layout)
        self._day: dict[str, NDArray[Any]] = {n: self._pages.array("day", n) for n in layout["day"]}
        self._window: dict[str, NDArray[Any]] = {n: self._pages.array("window", n) for n in layout["window"]}

    def score(self, frame: ReadingFrame) -> list[Signal]:
        if not self._active:
            return []
        w = self._window
        judged = (frame.energy_kwh == frame.energy_kwh) & (w["strength"] == w["strength"])
        strength = np.where(judged, w["strength"], _NAN)
        return [
            Signal(
                self.name,
                "use_drop_with_loss",
                strength,
                np.where(judged, w["step_loss"], np.nan).astype(np.float64),
                np.where(judged, w["step_drop"], np.nan).astype(np.float64),
                "kWh/d",
                w["since_s"].copy(),
            )
        ]

    def learn(self, frame: ReadingFrame, trusted: NDArray[np.bool_]) -> None:  # noqa: ARG002 - part of the port
        """Every measured row counts: a suspected meter's drop is what the loss is held against."""
        if not self._active:
            return
        d = self._day
        day = self._context.calendar.local(frame.interval_start_s).toordinal()
        if d["clock"][0] != day:
            self._close_day()
            d["clock"][0] = day
        d["clock"][1] += 1
        expected = self._expected_kwh(frame)
        energy = frame.energy_kwh
        export = frame.column("export_kwh")
        missing = self._customer & (energy != energy)
        supplied = energy[self._supply_rows].sum()
        absent = np.count_nonzero(missing)
        if absent:
            metered_kwh = np.where(missing, expected, energy)[self._customer_rows].sum()
        else:
            metered_kwh = energy[self._customer_rows].sum()
        if export is not None:
            sent_kwh = np.where(export == export, export, 0.0)
            supplied -= sent_kwh[self._supply_rows].sum()
            metered_kwh -= sent_kwh[self._customer_rows].sum()
        computable = supplied == supplied and absent <= self._params.stand_in_share * len(self._customer_rows)
        if computable and metered_kwh == metered_kwh:
            d["clock"][2] += 1
            loss, squared = supplied - metered_kwh, supplied * supplied
            d["area"] += (supplied, loss, squared, squared * squared, loss * squared)
        drop = expected - energy
        known = (drop == drop) & self._customer
        d["drop"] += np.where(known, drop, 0)
        d["expected"] += np.where(known, expected, 0)
        d["known"] += known
        self._pages.touch("day")
        if self._context.calendar.local(frame.interval_end_s).toordinal() != day:
            self._close_day()
            d["clock"][0] = 0

    def _close_day(self) -> None:
        d, w = self._day, self._window
        day, seen, balanced = (int(x) for x in d["clock"])
        if day <= 0 or seen == 0:
            return
        for name in ("drop", "unexplained", "days"):
            w[name][:-1] = w[name][1:]
        known = d["known"] >= 0.6 * seen
        w["drop"][-1] = np.where(known, d["drop"] * (seen / np.maximum(d["known"], 1)), np.nan)
        w["days"][-1] = self._context.calendar.day_start(date.fromordinal(day))
        w["unexplained"][-1] = np.nan
        if balanced >= 0.6 * seen:
            w["unexplained"][-1] = self._unexplained(d["area"], balanced) * (seen / balanced)
        usual = w["usual"]
        moved = np.where(usual == usual, usual + 0.1 * (d["expected"] - usual), d["expected"])
        np.copyto(usual, moved, where=known & (d["expected"] > 0), casting="same_kind")
        self._judge()
        for values in d.values():
            values[...] = 0
        self._pages.touch("window")
        self._pages.touch("day")

    def _unexplained(self, sums: NDArray[np.float64], balanced: int) -> float:
        """The day's loss without what its squared load explains (kWh).

        The slope comes from within the days, where a theft that lasts all day adds a constant, not a slope.
        """
        supplied, loss, squared, fourth, loss_squared = sums
        fit = self._window["fit"]
        spread = fourth - squared * squared / balanced
        if balanced >= 12 and spread > 0:
            slope = (loss_squared - loss * squared / balanced) / spread
            slope = min(max(slope, 0.0), _COPPER_SHARE * abs(supplied) / squared)
            fit[1] = min(fit[1] + 1, 30)
            fit[0] += (slope - fit[0]) / fit[1]
        return float(loss - fit[0] * squared)

    def _judge(self) -> None:
        p, w = self._params, self._window
        held = w["held"]
        drop = w["drop"].astype(np.float64)
        steps = _steps(drop, w["unexplained"] - np.nansum(drop[:, held], axis=1))
        if steps is None:
            return
        least = np.maximum(p.least_kwh_per_day, p.drop_share * np.nan_to_num(w["usual"]))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Others may start on the same day: the loss may well step higher, but not by much less.
            match = np.minimum(steps.loss_kwh / steps.drop_kwh, 2 * steps.drop_kwh / steps.loss_kwh)
            weakest = np.minimum.reduce(
                [
                    steps.drop_t / p.set_t,
                    steps.loss_t / p.set_t,
                    steps.drop_kwh / least,
                    match / p.least_match,
                    steps.explained / p.explained_share,
                ]
            )
        judged = (weakest == weakest) & self._customer
        weakest = np.clip(np.nan_to_num(weakest), 0, None)
        held &= self._goes_on()
        self._refute(steps, judged, least)
        new = np.where(judged & (weakest >= 1) & ~held, steps.explained, -np.inf)
        for name, found in (
            ("step_drop", steps.drop_kwh),
            ("step_loss", steps.loss_kwh),
            ("loss_before", steps.loss_before_kwh),
            ("since_s", w["days"][steps.split]),
        ):
            np.copyto(w[name], found, where=judged & ~held, casting="unsafe")
        held |= np.isfinite(new) & (new == new.max())
        w["strength"][:] = np.where(held, 1.0, np.where(judged, 0.4 * np.minimum(weakest, 1.0), np.nan))

    def refuted(self) -> NDArray[np.bool_]:
        """(meters,) whose use fell clearly while the area's loss, steady enough to show it, did not rise: really unused."""
        return np.asarray(self._window["refuted_drop"] > 0, dtype=np.bool_)

    def _refute(self, steps: _Steps, judged: NDArray[np.bool_], least: NDArray[np.float64]) -> None:
        w, p = self._window, self._params
        drop, refuted = w["drop"][-4:], w["refuted_drop"]
        days = (drop == drop).sum(axis=0)
        recovered = (days > 0) & (np.nansum(drop, axis=0) / np.maximum(days, 1) < p.hold_share * refuted)
        refuted[recovered | w["held"]] = 0
        error = np.abs(steps.loss_kwh) / np.maximum(np.abs(steps.loss_t), 1e-9)
        clear = judged & (steps.drop_t >= p.set_t) & (steps.drop_kwh >= least) & (steps.drop_kwh >= p.set_t * error)
        unused = clear & (steps.loss_kwh < 0.5 * p.least_match * steps.drop_kwh) & ~w["held"]
        np.copyto(refuted, steps.drop_kwh, where=unused, casting="same_kind")

    def _goes_on(self) -> NDArray[np.bool_]:
        """Whether the last days still show a held case's drop, and the area its loss."""
        w, share = self._window, self._params.hold_share
        drop = w["drop"][-4:]
        days = (drop == drop).sum(axis=0)
        recent_drop = np.nansum(drop, axis=0) / np.maximum(days, 1)
        loss = w["unexplained"][-4:]
        recent_loss = float(np.nanmean(loss)) if np.isfinite(loss).any() else np.inf
        still = (days == 0) | (recent_drop >= share * w["step_drop"])
        least = w["loss_before"] + share * np.minimum(w["step_loss"], w["step_drop"])
        return np.asarray(still & (recent_loss >= least), dtype=np.bool_)

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Per meter, at its own best onset: index of the first day after, steps (kWh/d), their t, variance explained."""

    split: NDArray[np.intp]
    drop_kwh: NDArray[np.float64]
    drop_t: NDArray[np.float64]
    loss_kwh: NDArray[np.float64]
    loss_t: NDArray[np.float64]
    loss_before_kwh: NDArray[np.float64]
    explained: NDArray[np.float64]


def _steps(drop: NDArray[np.float64], unexplained: NDArray[np.float64]) -> _Steps | None:
    """`drop` (days, meters) and `unexplained` (days,), NaN = not known; None while there are too few days."""
    drop, unexplained = _without_single_days(drop), _without_single_days(unexplained)
    valid = np.isfinite(drop) & np.isfinite(unexplained)[:, None]
    if np.isfinite(unexplained).sum() < _BEFORE + _AFTER:
        return None
    loss = np.broadcast_to(np.nan_to_num(unexplained)[:, None], drop.shape) * valid
    missing = np.where(valid, drop, 0.0)
    splits = np.arange(_BEFORE, len(drop) - _AFTER + 1)

    def step(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(step, sum of squares that remains, t), each (splits, meters)."""
        count, total = np.cumsum(valid, axis=0)[splits - 1], np.cumsum(values, axis=0)[splits - 1]
        all_count, all_total, squares = valid.sum(axis=0), values.sum(axis=0), (values * values).sum(axis=0)
        rest = all_count - count
        enough = (count >= _BEFORE) & (rest >= _AFTER)
        before, after = total / np.maximum(count, 1), (all_total - total) / np.maximum(rest, 1)
        remains = np.maximum(squares - count * before**2 - rest * after**2, 0.0)
        error = remains / np.maximum(all_count - 2, 1) * (1 / np.maximum(count, 1) + 1 / np.maximum(rest, 1))
        height = np.where(enough, after - before, np.nan)
        # Days resemble their neighbours: half as many are independent.
        return height, np.where(enough, remains, np.inf), height / np.sqrt(2 * error + 1e-4)

    heights, remains, ts = step(missing)
    best = np.argmin(remains, axis=0)
    at = (best, np.arange(drop.shape[1]))
    loss_heights, _, loss_ts = step(loss)
    counts = np.maximum(np.cumsum(valid, axis=0)[splits - 1], 1)
    before = (np.cumsum(loss, axis=0)[splits - 1] / counts)[at]
    explained = _explained(loss, loss - missing, valid)
    return _Steps(splits[best], heights[at], ts[at], loss_heights[at], loss_ts[at], before, explained)


def _without_single_days(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """A median of three days: a day that its two neighbours do not share says nothing of a step, and a step stays.

    >>> _without_single_days(np.array([1.0, 9, 1, 1, 5, 5, 6])).tolist()
    [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 6.0]
    """
    middle = np.sort([days[:-2], days[1:-1], days[2:]], axis=0)[1]
    smooth = days.copy()
    smooth[1:-1] = np.where(np.isfinite(middle) & np.isfinite(days[1:-1]), middle, days[1:-1])
    return smooth


def _explained(loss: NDArray[np.float64], rest: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = np.maximum(valid.sum(axis=0), 1)

    def variance(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((values**2).sum(axis=0) / count - (values.sum(axis=0) / count) ** 2)

    return 1 - variance(rest) / np.maximum(variance(loss), 1e-9)
