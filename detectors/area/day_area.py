"""What an area loses beyond its technical loss and its suspected meters: the whole area's own case, once it lasts (LL-01, LL-02)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.area import area_words
from detectors.area.area_verdict import AreaVerdict, LossNow
from detectors.area.line_drops import LineDrops, Place
from detectors.area.loss_sums import (
    COPPER_AT,
    HOURS_AT,
    LOSS_AT,
    SUMS,
    SUPPLIED_AT,
    day_sums,
    form_of,
    lost_phase,
    technical,
)
from detectors.area.suspects import ErrorShares, Suspects, suspects_of
from detectors.day.memory import F64, HOURS
from detectors.day.service_drops import Explained
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.catalogue import CATALOGUE
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaContext, AreaCurves, Signal

HIGH, NEGATIVE = "high_loss", "negative_loss"
#: Newest days that are not learnt yet: a loss is noticed before it is usual.
_WAITING_DAYS = 4
_LEAST_SIGMA_SHARE, _LEAST_SIGMA_KWH = 0.0005, 0.3
#: Of the supplied energy, before anything is known.
_FIRST_SIGMA_SHARE = 0.01
_SLACK, _MOST_STEP, _MOST_CUSUM = 1.0, 6.0, 60.0
_FEWEST_HOURS = 12
_HUGE_WAITS_DAYS = 3.0
#: Strength of a loss that has not lasted yet, at most.
_MOST_BEFORE = 0.9 * RECOVER_STRENGTH


@dataclass(frozen=True, slots=True)
class DayAreaParams:
    warm_up_days: float = parameter(
        8.0, meaning="days learnt before an area's loss is judged", unit="d", low=4, high=90, source="replay"
    )
    kept_per_day: float = parameter(
        0.99, meaning="how much of what technical loss is made of is kept from day to day", unit="1/d", low=0.9, high=1, source="replay"
    )  # fmt: skip
    recent_rate: float = parameter(
        0.35, meaning="weight of today in the recent loss", unit="1/d", low=0.05, high=1, source="as the meters' recent level"
    )  # fmt: skip
    set_share: float = parameter(
        0.025, meaning="loss that no meter explains, over supplied energy, at which it is the area's case", unit="1", low=0.002, high=0.3, source="replay"
    )  # fmt: skip
    set_kwh: float = parameter(
        4.0, meaning="smallest loss a day that is", unit="kWh/d", low=0.1, high=1000, source="proposed"
    )
    over_error: float = parameter(
        3.0, meaning="standard errors by which it must be beyond what is usual and what suspected meters explain", unit="1", low=1, high=10, source="replay"
    )  # fmt: skip
    meter_error: float = parameter(
        0.25, meaning="how well a suspected meter's missing energy is known, as a share of it", unit="1", low=0.05, high=1, source="replay"
    )  # fmt: skip
    usual_error: float = parameter(
        0.1, meaning="the same at least, as a share of the energy expected of the meter", unit="1", low=0.01, high=1, source="replay"
    )  # fmt: skip
    circuit_error: float = parameter(
        0.25, meaning="the same where its circuits or ratio are wrong, which may take any share of it", unit="1", low=0.01, high=1, source="replay"
    )  # fmt: skip
    absolute_after_days: float = parameter(
        40.0, meaning="days balanced before a loss is high or negative whatever was learnt: who hangs elsewhere is found by then", unit="d", low=4, high=120, source="replay"
    )  # fmt: skip
    relearn_share: float = parameter(
        0.02, meaning="of the supplied energy, what must leave or enter the balance for what is usual to be learnt anew", unit="1", low=0, high=0.5, source="below set_share"
    )  # fmt: skip
    wait_days: float = parameter(
        5.0, meaning="days it must last: a meter's own suspicion may still come", unit="d", low=1, high=30, source="replay"
    )  # fmt: skip
    huge_share: float = parameter(
        0.08, meaning="share of supplied energy from which three days are enough", unit="1", low=0.02, high=1, source="proposed"
    )  # fmt: skip
    absolute_share: float = parameter(
        0.12, meaning="loss over supplied energy that is high whatever was learnt", unit="1", low=0.03, high=0.5, source="LL-01: 8-10 %, plus the no-load loss of small areas"
    )  # fmt: skip
    negative_share: float = parameter(
        0.02, meaning="metered beyond supplied energy over supplied, whatever was learnt", unit="1", low=0.002, high=0.2, source="LL-02, replay"
    )  # fmt: skip

    fallen_v: float = parameter(
        3.5, meaning="fall of a line's voltages, beyond what its metered load explains, that is the area's case", unit="V", low=0.5, high=40, source="replay: thefts stay below 3 V"
    )  # fmt: skip
    full_kwh: float = parameter(
        20.0, meaning="loss a day that no meter explains from which its case has the catalogue's full weight", unit="kWh/d", low=1, high=10_000, source="proposed: what two or three homes use"
    )  # fmt: skip
    full_share: float = parameter(
        0.05, meaning="the same as a share of the supplied energy", unit="1", low=0.002, high=0.5, source="proposed: half of LL-01's 8 to 10 %"
    )  # fmt: skip
    least_weight: float = parameter(
        0.4, meaning="share of the catalogue's weight of a case that loses next to nothing", unit="1", low=0, high=1, source="proposed: a line whose voltages fell is looked at when crews have room"
    )  # fmt: skip
    fallen_days: float = parameter(4.0, meaning="days such a fall must last", unit="d", low=1, high=30, source="replay")

    def __post_init__(self) -> None:
        check_ranges(self)


_NOW = tuple(each.name for each in fields(LossNow))


class LossLately(NamedTuple):
    """What an area loses lately, kWh a day, NaN = not known yet: of `supplied_kwh`, `technical_kwh` of it explained by its load as
    learnt on `learnt_days` days; `since` an ordinal is when more than that began to be lost, None where it did not."""

    supplied_kwh: float
    loss_kwh: float
    technical_kwh: float
    learnt_days: int
    since: int | None


class DayArea:
    """An area's daily loss against its own forecast from the load (least squares that forget; Bishop 2006, section 3.3), less what its
    suspected meters hide.

    A customer's theft raises the area's loss: it is that customer's case. Only a rest that is significant beside the uncertainty of
    both, and that lasts for days in which a meter's suspicion might still have come, is the area's own: a tap on a line, a bad joint,
    the supply meter's ratio. From the day a loss begins (CUSUM) what is usual is not learnt, so that it stays until it is gone, and goes
    when it is mended. The newest four days are never learnt. Days of which too little was measured are not judged. `observed` and
    `expected` are the recent loss and the technical one with what suspected meters explain, kWh a day, on the supply meters' rows.
    How surely it is lost decides whether there is a case; what it is worth, in energy and beside what is supplied, decides its risk.

    >>> from detectors.examples import context, day
    >>> area, rng, nobody = DayArea(context(meters=6, supply=True)), np.random.default_rng(1), np.zeros(6)
    >>> on_one_phase, strengths = np.ones(6) * (np.arange(3) == 0)[:, None], []
    >>> for number in range(45):
    ...     kwh = rng.uniform(0.2, 1.0, (24, 6))
    ...     kwh[:, 5] = kwh[:, :5].sum(axis=1) * 1.02 + 0.2 + (0.3 if number >= 35 else 0)
    ...     metered_kwh = kwh[:, None] * on_one_phase * (np.arange(6) < 5)
    ...     verdict = area.judge(day(kwh, number=number), metered_kwh, np.ones(6, bool), Suspects(nobody, nobody, nobody))
    ...     strengths.append(round(verdict.strength, 1))
    ...     area.learn(verdict)
    >>> strengths[30:42], round(verdict.rest_kwh, 1)
    ([0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.4, 0.4, 0.4, 0.4, 1.0, 1.0], 7.1)
    """

    name = "day_area"
    abnormalities: tuple[str, ...] = (HIGH, NEGATIVE)

    def __init__(self, context: AreaContext, params: DayAreaParams | None = None) -> None:
        self._params = params or DayAreaParams()
        self._context = context
        self._area = context.area
        self._supply = context.area.supply_rows
        rated = sum(m.rated_kva or 0.0 for m in context.area.meters if m.role == "supply")
        # no-load loss of a distribution transformer: 0.2-0.4 % of its rating
        self._iron_kwh = 0.004 * rated * HOURS
        layout: dict[str, dict[str, Slab]] = {
            "area": {
                "usual": Slab((SUMS,), np.float64),
                "waiting": Slab((_WAITING_DAYS, SUMS), np.float64, np.nan),
                "yesterday": Slab((SUMS,), np.float64),
                "now": Slab((len(_NOW),), np.float64, np.nan),
            }
        }
        self._lines = LineDrops(context.area)
        layout["lines"] = self._lines.layout()
        self._pages = StatePages("day_area/2", layout)
        self._usual = self._pages.array("area", "usual")
        self._waiting = self._pages.array("area", "waiting")
        self._yesterday = self._pages.array("area", "yesterday")
        self._line_pages = {name: self._pages.array("lines", name) for name in layout["lines"]}
        self._keep(LossNow())

    def _keep(self, now: LossNow) -> None:
        self._pages.array("area", "now")[...] = [getattr(now, name) for name in _NOW]

    def _now(self) -> LossNow:
        return LossNow(*self._pages.array("area", "now").tolist())

    def lately(self) -> LossLately:
        """As of the last day judged."""
        now = self._now()
        since = int(now.since_day) or None
        return LossLately(now.supplied_kwh, now.loss_kwh, now.loss_kwh - now.recent_kwh, int(now.learnt), since)

    # --- judging

    def suspects(
        self,
        probability: F64,
        kinds: Sequence[str],
        kind: NDArray[np.int64],
        energy_kwh: F64,
        expected_kwh: F64,
        export_kwh: F64,
        certain: NDArray[np.bool_],
    ) -> Suspects:
        """What the meters' verdicts explain of a loss (`suspects_of`), by this area's error shares."""
        p = self._params
        return suspects_of(
            self._area,
            ErrorShares(p.meter_error, p.usual_error, p.circuit_error),
            probability=probability,
            kinds=kinds,
            kind=kind,
            energy_kwh=energy_kwh,
            expected_kwh=expected_kwh,
            export_kwh=export_kwh,
            certain=certain,
        )

    def judge(
        self,
        day: AreaCurves,
        metered_kwh: F64,
        in_service: NDArray[np.bool_],
        suspects: Suspects,
        explained: Explained | None = None,
    ) -> AreaVerdict:
        """Weigh a closed day. `metered_kwh` (24, 3, meters) is what each meter registered by phase (`HourlyBalance.net`);
        `in_service` (meters,) says which meters hang in the area on that day, `explained` what is known of its voltages."""
        p, now = self._params, self._now()
        metered_kwh = metered_kwh * in_service
        sums = day_sums(self._area, day, metered_kwh)
        drops = None if explained is None else self._lines.look_at(self._line_pages, explained)
        balanced = bool(sums[HOURS_AT] >= _FEWEST_HOURS)
        if not balanced:
            return AreaVerdict(False, suspects, sums, now)
        now.watched += 1
        scale = HOURS / float(sums[HOURS_AT])
        now.supplied_kwh = _average(now.supplied_kwh, scale * float(sums[SUPPLIED_AT]), p.recent_rate)
        now.loss_kwh = _average(now.loss_kwh, scale * float(sums[LOSS_AT]), p.recent_rate)
        if now.learnt < p.warm_up_days:
            return AreaVerdict(True, suspects, sums, now, drops=drops)
        coefficients = technical(self._usual)
        excess = scale * float(sums[LOSS_AT] - sums[: COPPER_AT + 1] @ coefficients)
        sigma = max(_usual_error(now), _LEAST_SIGMA_SHARE * abs(now.supplied_kwh), _LEAST_SIGMA_KWH)
        self._watch(now, excess, sigma, day.day_ordinal)
        error = math.hypot(sigma, suspects.explained_error_kwh)
        need = max(p.set_share * abs(now.supplied_kwh), p.set_kwh, p.over_error * error)
        side, rest = self._rest(now, suspects.explained_kwh)
        strength = self._last(now, side, rest / need, rest)
        place = None if drops is None else self._lines.place(self._line_pages, drops)
        fallen = self._fallen(now, place)
        form = area_words.NOTHING_SAID
        if strength > RECOVER_STRENGTH:
            form = lost_phase(self._area, day, metered_kwh) or form_of(self._yesterday + sums, coefficients)
        return AreaVerdict(
            True, suspects, sums, now, side, strength, excess, side * rest, need, drops, place, fallen, form
        )

    def _fallen(self, now: LossNow, place: Place | None) -> float:
        """The strength of a fall of a line's voltages that has lasted."""
        p, fallen_v = self._params, 0.0 if place is None else place.fallen_v
        if fallen_v >= p.fallen_v:
            now.fallen_days += 1
        elif fallen_v < p.fallen_v / 2:
            now.fallen_days = 0
        if now.fallen_days < p.fallen_days:
            return 0.0
        return min(SET_STRENGTH * fallen_v / p.fallen_v, 1.0)

    def _rest(self, now: LossNow, explained: float) -> tuple[int, float]:
        """(side, what of the loss on that side no meter explains); what was high or negative from the first day on counts too.

        A suspicion can explain a loss away, never make one.
        """
        p, supplied = self._params, abs(now.supplied_kwh)
        at_all = now.watched >= p.absolute_after_days
        side = 1 if now.recent_kwh > 0 else -1
        rest = max(side * (now.recent_kwh - explained), 0.0) if side * explained > 0 else abs(now.recent_kwh)
        beyond = now.loss_kwh - self._iron_kwh - max(explained, 0.0)
        if at_all and self._iron_kwh > 0 and beyond > p.absolute_share * supplied:
            return 1, max(rest if side > 0 else 0.0, beyond)
        below = min(explained, 0.0) - now.loss_kwh
        if at_all and below > p.negative_share * supplied:
            return -1, max(rest if side < 0 else 0.0, below)
        return side, rest

    def _watch(self, now: LossNow, excess: float, sigma: float, day_ordinal: int) -> None:
        """Since when the loss is not what is usual: two CUSUMs of the days."""
        step = min(max(excess / sigma, -_MOST_STEP), _MOST_STEP)
        now.rise = min(max(0.0, now.rise + step - _SLACK), _MOST_CUSUM)
        now.fall = min(max(0.0, now.fall - step - _SLACK), _MOST_CUSUM)
        now.recent_kwh = _average(now.recent_kwh, excess, self._params.recent_rate)
        if not now.since_day and max(now.rise, now.fall) > _MOST_STEP:
            now.since_day = day_ordinal - 2
        elif now.since_day and abs(now.recent_kwh) < 1.5 * sigma:
            now.since_day = now.rise = now.fall = 0.0

    def _last(self, now: LossNow, side: int, above: float, rest: float) -> float:
        """The strength of a rest `above` times what it needs; it must have lasted, and is over once it was small for two days."""
        p = self._params
        if above >= 1:
            now.beyond_days += 1
        elif above < 0.5:
            now.beyond_days = 0
        huge = rest > p.huge_share * abs(now.supplied_kwh) and above > 2
        if now.raised and now.raised != side:
            now.raised = now.beyond_days = 0
        if not now.raised and now.beyond_days >= (min(_HUGE_WAITS_DAYS, p.wait_days) if huge else p.wait_days):
            now.raised, now.calm_days = side, 0
        if not now.raised:
            return _MOST_BEFORE * min(above, 1.0)
        now.calm_days = now.calm_days + 1 if above < 0.5 else 0
        if now.calm_days >= 2:
            now.raised = now.beyond_days = 0
        return min(SET_STRENGTH * max(above, 0.0), 1.0)

    # --- saying

    def signals(self, verdict: AreaVerdict) -> list[Signal]:
        """The area's own case as evidence on its supply meters' rows; NaN on all others, and where nothing was judged."""
        on_supply = self._area.is_supply
        signals = []
        for code, side in ((HIGH, 1), (NEGATIVE, -1)):
            strength = verdict.strength
            if strength == strength:
                strength = max(strength if verdict.side == side else 0.0, verdict.fallen_strength if side > 0 else 0.0)
            quiet = not strength > RECOVER_STRENGTH
            known = on_supply & (not quiet)
            expected = verdict.loss_kwh - verdict.rest_kwh
            signals.append(
                Signal(
                    self.name,
                    code,
                    np.where(on_supply, strength, np.nan).astype(np.float32),
                    np.where(known, verdict.loss_kwh, np.nan),
                    np.where(known, expected, np.nan),
                    "kWh/d",
                    since_s=np.where(known, self._since_s(verdict.now), 0),
                    quiet=quiet,
                    risk=np.where(known, self._risk(code, strength, verdict), np.nan),
                    reasons=lambda _row: self._reasons(verdict),
                )
            )
        return signals

    def _risk(self, code: str, strength: float, verdict: AreaVerdict) -> float:
        """The catalogue's weight by what is lost a day, or by its share of what is supplied, whichever is more."""
        p, rest_kwh = self._params, abs(verdict.rest_kwh)
        share = rest_kwh / supplied if (supplied := abs(verdict.supplied_kwh)) > 0 else 0.0
        size = min(max(rest_kwh / p.full_kwh, share / p.full_share), 1.0)
        return CATALOGUE[code].weight * strength * (p.least_weight + (1 - p.least_weight) * size)

    def _since_s(self, now: LossNow) -> int:
        if not now.since_day:
            return 0
        return self._context.calendar.day_start(date.fromordinal(int(now.since_day)))

    def _reasons(self, verdict: AreaVerdict) -> tuple[Reason, ...]:
        v = verdict
        reasons = [
            area_words.lost(
                self.name,
                loss_kwh=v.loss_kwh,
                supplied_kwh=v.supplied_kwh,
                rest_kwh=v.rest_kwh,
                day=date.fromordinal(int(v.now.since_day)).isoformat() if v.now.since_day else "",
            ),
            area_words.explained(self.name, v.suspects, self._area.meter_ids),
        ]
        if v.form.en:
            reasons.append(Reason(self.name, v.form.en, text_zh=v.form.zh))
        if v.place is not None and (v.place.fallen_v >= area_words.SHOWN_V or v.form == area_words.LOAD_OF_ITS_OWN):
            reasons.append(area_words.fallen_at(self.name, v.place, told=bool(v.form.en)))
        return tuple(reasons)

    # --- learning

    def learn(self, verdict: AreaVerdict) -> None:
        """Take the judged day in; days since a loss began change what is usual only after it is gone."""
        if not verdict.balanced:
            return
        now, p = verdict.now, self._params
        if verdict.drops is not None:
            self._lines.learn(self._line_pages, verdict.drops, usual=not now.since_day and verdict.place is None)
            self._pages.touch("lines")
        self._yesterday[...] = verdict.sums
        if now.since_day:
            # the days before it was noticed are part of it: they wait no longer
            self._waiting[...] = np.nan
        else:
            oldest = self._waiting[0].copy()
            self._waiting[:-1] = self._waiting[1:]
            self._waiting[-1] = verdict.sums
            if np.isfinite(oldest[0]):
                self._usual[...] = p.kept_per_day * self._usual + oldest
                now.learnt += 1
            if verdict.excess_kwh == verdict.excess_kwh:
                size, usual = 1.25 * abs(verdict.excess_kwh), _usual_error(now)
                first = now.sigma_kwh != now.sigma_kwh
                now.sigma_kwh = min(size, usual) if first else _average(usual, min(size, 4 * usual), 0.05)
        self._keep(now)
        self._pages.touch("area")

    def found(self, *, confirmed: bool) -> None:
        """An inspection of the whole area: where nothing was found, what is lost now becomes usual."""
        if not confirmed:
            self._begin_again(watched=0.0)

    def balance_changed(self, by_kwh: float) -> None:
        """Meters of `by_kwh` a day are no part of the balance any more, or are again: where that is much, what is usual is learnt anew."""
        now = self._now()
        if not by_kwh <= self._params.relearn_share * abs(now.supplied_kwh):
            self._begin_again(now.watched)

    def _begin_again(self, watched: float) -> None:
        now = self._now()
        self._usual[...] = 0.0
        self._waiting[...] = np.nan
        self._keep(LossNow(supplied_kwh=now.supplied_kwh, loss_kwh=now.loss_kwh, watched=watched))
        self._pages.touch("area")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        if not pages:
            self._keep(LossNow())


def _usual_error(now: LossNow) -> float:
    """kWh by which a day's loss usually departs from what is expected; the first days say too little of it."""
    return now.sigma_kwh if now.sigma_kwh == now.sigma_kwh else _FIRST_SIGMA_SHARE * abs(now.supplied_kwh)


def _average(mean: float, value: float, rate: float) -> float:
    return value if mean != mean else mean + rate * (value - mean)
