"""What an area loses beyond its technical loss and its suspected meters: the whole area's own case, once it lasts (LL-01, LL-02)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from detectors.day_memory import F64, HOURS
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaContext, AreaCurves, Signal

HIGH, NEGATIVE = "high_loss", "negative_loss"
#: Kinds under which a meter registers all that is drawn: they explain no loss.
_REGISTERS_ALL = frozenset(
    {
        "clock_error",
        "low_power_factor",
        "over_capacity",
        "phase_break",
        "resale",
        "reverse_energy",
        "tariff_misuse",
        "temporary_supply_misuse",
    }
)
#: Kinds under which a meter may as well register too much, so that it explains a negative loss.
_OVERCOUNTS = frozenset({"ratio_changed", "ratio_error", "register_runaway"})
#: Hours without sun all year round: where plants feed in and no export is read, only these can be balanced.
_DARK_HOURS = np.isin(np.arange(HOURS), (22, 23, 0, 1, 2, 3))
#: Sums of a day's balanced hours: what technical loss is made of (always, load, load squared by phase), their products, the loss and its.
_HOURS, _LOAD, _COPPER, _LOSS, _SQUARE, _SUPPLIED = 0, 1, 2, 6, 9, 10
_SUMS = 11
_LOAD_KWH = 100.0
_PRIOR, _PRIOR_WEIGHT = np.array([0.0, 2.0, 0.5]), 0.1
_FEWEST_HOURS = 12
#: An hour in which more of the load than this was not measured cannot be balanced.
_MOST_UNMEASURED = 0.1
#: Newest days that are not learnt yet: a loss is noticed before it is usual.
_WAITING_DAYS = 4
_LEAST_SIGMA_SHARE, _LEAST_SIGMA_KWH = 0.0005, 0.3
_SLACK, _MOST_STEP, _MOST_CUSUM = 1.0, 6.0, 60.0
#: Suspicions below this explain nothing.
_LEAST_PROBABILITY = 0.05
#: A meter under a rule's certain suspicion counts as suspected at least so much.
_UNDER_SUSPICION = 0.9
_NAMED_METERS = 3
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

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """What an area's meters are suspected of at a day's close, (meters,): how probably, and what kWh a day each hides (negative: counts
    too much) with its standard error. Nothing is NaN."""

    probability: F64
    missing_kwh: F64
    error_kwh: F64

    @property
    def explained_kwh(self) -> float:
        return float((self.probability * self.missing_kwh).sum())

    @property
    def explained_error_kwh(self) -> float:
        p = self.probability
        variance = (p * self.error_kwh) ** 2 + p * (1 - p) * self.missing_kwh**2
        return float(np.sqrt(variance.sum()))


@dataclass(slots=True)
class _Now:
    """What is remembered from day to day; kWh a day, NaN = nothing yet. Days are ordinals, 0 = none; sides 1 = lost, -1 = gained."""

    learnt: float = 0.0
    sigma_kwh: float = math.nan
    recent_kwh: float = math.nan
    loss_kwh: float = math.nan
    supplied_kwh: float = math.nan
    rise: float = 0.0
    fall: float = 0.0
    since_day: float = 0.0
    beyond_days: float = 0.0
    raised: float = 0.0
    calm_days: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class AreaVerdict:
    """What a closed day makes of an area's balance; kWh a day. `strength` is of a high (1) or negative (-1) loss, by `side`."""

    balanced: bool
    """Whether enough of the day was measured for it to be learnt."""
    suspects: Suspects
    sums: F64
    now: _Now
    side: int = 0
    strength: float = math.nan
    excess_kwh: float = math.nan
    """Of this day alone."""
    rest_kwh: float = math.nan
    need_kwh: float = math.nan

    @property
    def loss_kwh(self) -> float:
        return self.now.loss_kwh

    @property
    def supplied_kwh(self) -> float:
        return self.now.supplied_kwh


class DayArea:
    """An area's daily loss against its own forecast from the load (least squares that forget; Bishop 2006, section 3.3), less what its
    suspected meters hide.

    A customer's theft raises the area's loss: it is that customer's case. Only a rest that is significant beside the uncertainty of
    both, and that lasts for days in which a meter's suspicion might still have come, is the area's own: a tap on a line, a bad joint,
    the supply meter's ratio. From the day a loss begins (CUSUM) what is usual is not learnt, so that it stays until it is gone, and goes
    when it is mended. The newest four days are never learnt. Days of which too little was measured are not judged. `observed` and
    `expected` are the recent loss and the technical one with what suspected meters explain, kWh a day, on the supply meters' rows.

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
        layout = {
            "area": {
                "usual": Slab((_SUMS,), np.float64),
                "waiting": Slab((_WAITING_DAYS, _SUMS), np.float64, np.nan),
                "now": Slab((len(fields(_Now)),), np.float64, np.nan),
            }
        }
        self._pages = StatePages("day_area/1", layout)
        self._usual = self._pages.array("area", "usual")
        self._waiting = self._pages.array("area", "waiting")
        self._pages.array("area", "now")[...] = astuple(_Now())

    def _now(self) -> _Now:
        return _Now(*self._pages.array("area", "now").tolist())

    # --- judging

    def suspects(
        self,
        probability: F64,
        kinds: Sequence[str],
        energy_kwh: F64,
        expected_kwh: F64,
        export_kwh: F64,
        certain: NDArray[np.bool_],
    ) -> Suspects:
        """What the meters' verdicts explain of a loss, all (meters,), NaN where unknown; `kinds` "" = none, `certain` = a rule's suspicion.

        What a meter without declared generation exports was drawn: it is missed twice.
        """
        p = np.nan_to_num(probability)
        p = np.where(certain, np.maximum(p, _UNDER_SUSPICION), p)
        p = np.where((p < _LEAST_PROBABILITY) | self._area.is_supply, 0.0, p)
        hides = np.array([kind not in _REGISTERS_ALL for kind in kinds], dtype=np.bool_)
        either = np.array([kind in _OVERCOUNTS for kind in kinds], dtype=np.bool_)
        exported = np.where(self._area.has_generation, 0.0, np.nan_to_num(export_kwh))
        missing = np.nan_to_num(expected_kwh - energy_kwh) + exported
        missing = np.where(hides, np.where(either, missing, np.maximum(missing, 0.0)), 0.0)
        error = np.maximum(
            self._params.meter_error * np.abs(missing), self._params.usual_error * np.nan_to_num(expected_kwh)
        )
        return Suspects(p, missing, np.where(hides, error, 0.0))

    def judge(
        self, day: AreaCurves, metered_kwh: F64, in_service: NDArray[np.bool_], suspects: Suspects
    ) -> AreaVerdict:
        """Weigh a closed day. `metered_kwh` (24, 3, meters) is what each meter registered by phase (`DayBalance.metered_kwh`);
        `in_service` (meters,) says which meters the archive has in the area on that day."""
        p, now = self._params, self._now()
        sums = self._sums(day, metered_kwh * in_service)
        balanced = bool(sums[_HOURS] >= _FEWEST_HOURS)
        if not balanced:
            return AreaVerdict(False, suspects, sums, now)
        scale = HOURS / float(sums[_HOURS])
        now.supplied_kwh = _average(now.supplied_kwh, scale * float(sums[_SUPPLIED]), p.recent_rate)
        now.loss_kwh = _average(now.loss_kwh, scale * float(sums[_LOSS]), p.recent_rate)
        if now.learnt < p.warm_up_days:
            return AreaVerdict(True, suspects, sums, now)
        excess = scale * float(sums[_LOSS] - sums[: _COPPER + 1] @ self._coefficients())
        sigma = max(now.sigma_kwh, _LEAST_SIGMA_SHARE * abs(now.supplied_kwh), _LEAST_SIGMA_KWH)
        self._watch(now, excess, sigma, day.day_ordinal)
        error = math.hypot(sigma, suspects.explained_error_kwh)
        need = max(p.set_share * abs(now.supplied_kwh), p.set_kwh, p.over_error * error)
        side, rest = self._rest(now, suspects.explained_kwh)
        strength = self._last(now, side, rest / need, rest)
        return AreaVerdict(True, suspects, sums, now, side, strength, excess, side * rest, need)

    def _rest(self, now: _Now, explained: float) -> tuple[int, float]:
        """(side, what of the loss on that side no meter explains); what was high or negative from the first day on counts too.

        A suspicion can explain a loss away, never make one.
        """
        p, supplied = self._params, abs(now.supplied_kwh)
        side = 1 if now.recent_kwh > 0 else -1
        rest = max(side * (now.recent_kwh - explained), 0.0) if side * explained > 0 else abs(now.recent_kwh)
        beyond = now.loss_kwh - self._iron_kwh - max(explained, 0.0)
        if self._iron_kwh > 0 and beyond > p.absolute_share * supplied:
            return 1, max(rest if side > 0 else 0.0, beyond)
        below = min(explained, 0.0) - now.loss_kwh
        if below > p.negative_share * supplied:
            return -1, max(rest if side < 0 else 0.0, below)
        return side, rest

    def _watch(self, now: _Now, excess: float, sigma: float, day_ordinal: int) -> None:
        """Since when the loss is not what is usual: two CUSUMs of the days."""
        step = min(max(excess / sigma, -_MOST_STEP), _MOST_STEP)
        now.rise = min(max(0.0, now.rise + step - _SLACK), _MOST_CUSUM)
        now.fall = min(max(0.0, now.fall - step - _SLACK), _MOST_CUSUM)
        now.recent_kwh = _average(now.recent_kwh, excess, self._params.recent_rate)
        if not now.since_day and max(now.rise, now.fall) > _MOST_STEP:
            now.since_day = day_ordinal - 2
        elif now.since_day and abs(now.recent_kwh) < 1.5 * sigma:
            now.since_day = now.rise = now.fall = 0.0

    def _last(self, now: _Now, side: int, above: float, rest: float) -> float:
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

    def _coefficients(self) -> F64:
        """What technical loss is made of, by the days learnt so far."""
        s = self._usual
        matrix = np.array([[s[0], s[1], s[2]], [s[1], s[3], s[4]], [s[2], s[4], s[5]]]) + _PRIOR_WEIGHT * np.eye(3)
        return np.asarray(np.linalg.solve(matrix, s[6:9] + _PRIOR_WEIGHT * _PRIOR))

    def _sums(self, day: AreaCurves, metered_kwh: F64) -> F64:
        energy, export = day.hourly["energy_kwh"], day.hourly["export_kwh"]
        exported = export == export
        net = energy - np.where(exported, export, 0.0)
        supplied = net[:, self._supply].sum(axis=1) if len(self._supply) else np.full(HOURS, np.nan)
        by_phase = metered_kwh.sum(axis=2)
        load = by_phase.sum(axis=1)
        unmeasured = np.where(energy == energy, 0.0, np.abs(metered_kwh.sum(axis=1))).sum(axis=1)
        balanced = (supplied == supplied) & (unmeasured < _MOST_UNMEASURED * np.maximum(np.abs(load), 1.0))
        if self._area.has_generation.any() and not exported.any():
            balanced &= _DARK_HOURS
        loss = supplied - load
        terms = np.stack([np.ones(HOURS), load / _LOAD_KWH, 3 * (by_phase**2).sum(axis=1) / _LOAD_KWH**2, loss])[
            :, balanced
        ]
        products = terms @ terms.T
        rows, columns = (0, 0, 0, 1, 1, 2, 0, 1, 2, 3), (0, 1, 2, 1, 2, 2, 3, 3, 3, 3)
        return np.append(products[rows, columns], supplied[balanced].sum())

    # --- saying

    def signals(self, verdict: AreaVerdict) -> list[Signal]:
        """The area's own case as evidence on its supply meters' rows; NaN on all others, and where nothing was judged."""
        on_supply = self._area.is_supply
        signals = []
        for code, side in ((HIGH, 1), (NEGATIVE, -1)):
            strength = (
                verdict.strength if verdict.side == side else 0.0 if verdict.strength == verdict.strength else math.nan
            )
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
                    reasons=lambda _row: self._reasons(verdict),
                )
            )
        return signals

    def _since_s(self, now: _Now) -> int:
        if not now.since_day:
            return 0
        return self._context.calendar.day_start(date.fromordinal(int(now.since_day)))

    def _reasons(self, verdict: AreaVerdict) -> tuple[Reason, ...]:
        v = verdict
        since = f" since {date.fromordinal(int(v.now.since_day)).isoformat()}" if v.now.since_day else ""
        lost = f"{v.loss_kwh:.4g} kWh a day lost of {v.supplied_kwh:.5g} supplied ({v.loss_kwh / v.supplied_kwh:.1%})"
        beyond = (
            f"{v.rest_kwh:+.4g} kWh a day of it{since} are neither technical loss nor what suspected meters explain"
        )
        return (Reason(self.name, f"{lost}; {beyond}"), self._explained(v))

    def _explained(self, verdict: AreaVerdict) -> Reason:
        s = verdict.suspects
        share = s.probability * s.missing_kwh
        named = [int(row) for row in np.argsort(-np.abs(share), kind="stable")[:_NAMED_METERS] if share[row]]
        if not named:
            return Reason(self.name, "no meter of the area is suspected of any of it")
        who = ", ".join(f"{self._area.meter_ids[r]} ({s.probability[r]:.2f}, {s.missing_kwh[r]:.3g})" for r in named)
        return Reason(
            self.name,
            f"suspected meters explain {s.explained_kwh:.4g} +- {s.explained_error_kwh:.3g} kWh a day (probability, kWh): {who}",
            against=True,
        )

    # --- learning

    def learn(self, verdict: AreaVerdict) -> None:
        """Take the judged day in; days since a loss began change what is usual only after it is gone."""
        if not verdict.balanced:
            return
        now, p = verdict.now, self._params
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
                size = 1.25 * abs(verdict.excess_kwh)
                size = size if now.sigma_kwh != now.sigma_kwh else min(size, 4 * now.sigma_kwh)
                now.sigma_kwh = _average(now.sigma_kwh, size, 0.05)
        self._pages.array("area", "now")[...] = astuple(now)
        self._pages.touch("area")

    def found(self, *, confirmed: bool) -> None:
        """An inspection of the whole area: where nothing was found, what is lost now becomes usual."""
        if confirmed:
            return
        now = self._now()
        self._usual[...] = 0.0
        self._waiting[...] = np.nan
        begun = _Now(supplied_kwh=now.supplied_kwh, loss_kwh=now.loss_kwh)
        self._pages.array("area", "now")[...] = astuple(begun)
        self._pages.touch("area")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        if not pages:
            self._pages.array("area", "now")[...] = astuple(_Now())


def _average(mean: float, value: float, rate: float) -> float:
    return value if mean != mean else mean + rate * (value - mean)
