"""What an area loses beyond its technical loss and its suspected meters: the whole area's own case, once it lasts (LL-01, LL-02)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.area.line_drops import DropsSeen, LineDrops, Place
from detectors.day.memory import F64, HOURS
from detectors.day.service_drops import Explained
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.evidence import RECOVER_STRENGTH, SET_STRENGTH, AreaContext, AreaCurves, Signal
from metering.readings import PHASES

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
#: Kinds that take a share of a meter's energy that its own days hardly tell.
_OF_CIRCUITS = frozenset({"current_loss", "ratio_changed", "ratio_error", "voltage_loss", "wrong_wiring"})
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
#: Of the loss's square, what a share of the load leaves where the supply meter is wrong; a load of its own leaves 4 % and more.
_IN_PROPORTION = 0.02
#: A fall of voltages that is worth a word beside other explanations.
_SHOWN_V = 1.0
#: Of the other phases' current or voltage: less is none.
_LOST_SHARE = {"current": 0.05, "voltage": 0.6}
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
        40.0, meaning="days learnt before a loss is high or negative whatever was learnt: who hangs elsewhere is found by then", unit="d", low=4, high=120, source="replay"
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
    fallen_days: float = parameter(4.0, meaning="days such a fall must last", unit="d", low=1, high=30, source="replay")

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
    fallen_days: float = 0.0


_NOW = tuple(each.name for each in fields(_Now))


class Said(NamedTuple):
    """A sentence in both languages; empty where there is nothing to say."""

    en: str
    zh: str


_NOTHING_SAID = Said("", "")
_LOAD_OF_ITS_OWN = Said(
    "it has a rhythm of its own, not the load's: a load without a meter", "其变化有自身规律，不随负荷：存在无表用电"
)
_OF_COPPER = Said(
    "it grows with the square of the load: a bad joint or a thin conductor", "随负荷平方增长：接头不良或导线过细"
)


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
    drops: DropsSeen | None = None
    place: Place | None = None
    fallen_strength: float = 0.0
    """Of a high loss, by how far the voltages at `place` fell."""
    form: Said = _NOTHING_SAID
    """How the loss moves with the load."""

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
        layout: dict[str, dict[str, Slab]] = {
            "area": {
                "usual": Slab((_SUMS,), np.float64),
                "waiting": Slab((_WAITING_DAYS, _SUMS), np.float64, np.nan),
                "yesterday": Slab((_SUMS,), np.float64),
                "now": Slab((len(_NOW),), np.float64, np.nan),
            }
        }
        self._lines = LineDrops(context.area)
        layout["lines"] = self._lines.layout()
        self._pages = StatePages("day_area/1", layout)
        self._usual = self._pages.array("area", "usual")
        self._waiting = self._pages.array("area", "waiting")
        self._yesterday = self._pages.array("area", "yesterday")
        self._line_pages = {name: self._pages.array("lines", name) for name in layout["lines"]}
        self._keep(_Now())

    def _keep(self, now: _Now) -> None:
        self._pages.array("area", "now")[...] = [getattr(now, name) for name in _NOW]

    def _now(self) -> _Now:
        return _Now(*self._pages.array("area", "now").tolist())

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
        """What the meters' verdicts explain of a loss, all (meters,), NaN where unknown; `kind` is a place in `kinds`, -1 = none; `certain` = a rule's suspicion.

        What a meter without declared generation exports was drawn: it is missed twice.
        """
        p = np.nan_to_num(probability)
        p = np.where(certain, np.maximum(p, _UNDER_SUSPICION), p)
        p = np.where((p < _LEAST_PROBABILITY) | self._area.is_supply, 0.0, p)
        hides, either, of_circuits = _traits(tuple(kinds))[:, kind]
        exported = np.where(self._area.has_generation, 0.0, np.nan_to_num(export_kwh))
        missing = np.nan_to_num(expected_kwh - energy_kwh) + exported
        missing = np.where(hides, np.where(either, missing, np.maximum(missing, 0.0)), 0.0)
        of_usual = np.where(of_circuits, self._params.circuit_error, self._params.usual_error)
        error = np.maximum(self._params.meter_error * np.abs(missing), of_usual * np.nan_to_num(expected_kwh))
        return Suspects(p, missing, np.where(hides, error, 0.0))

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
        sums = self._sums(day, metered_kwh)
        drops = None if explained is None else self._lines.look_at(self._line_pages, explained)
        balanced = bool(sums[_HOURS] >= _FEWEST_HOURS)
        if not balanced:
            return AreaVerdict(False, suspects, sums, now)
        scale = HOURS / float(sums[_HOURS])
        now.supplied_kwh = _average(now.supplied_kwh, scale * float(sums[_SUPPLIED]), p.recent_rate)
        now.loss_kwh = _average(now.loss_kwh, scale * float(sums[_LOSS]), p.recent_rate)
        if now.learnt < p.warm_up_days:
            return AreaVerdict(True, suspects, sums, now, drops=drops)
        coefficients = self._coefficients()
        excess = scale * float(sums[_LOSS] - sums[: _COPPER + 1] @ coefficients)
        sigma = max(now.sigma_kwh, _LEAST_SIGMA_SHARE * abs(now.supplied_kwh), _LEAST_SIGMA_KWH)
        self._watch(now, excess, sigma, day.day_ordinal)
        error = math.hypot(sigma, suspects.explained_error_kwh)
        need = max(p.set_share * abs(now.supplied_kwh), p.set_kwh, p.over_error * error)
        side, rest = self._rest(now, suspects.explained_kwh)
        strength = self._last(now, side, rest / need, rest)
        place = None if drops is None else self._lines.place(self._line_pages, drops)
        fallen = self._fallen(now, place)
        form = _NOTHING_SAID
        if strength > RECOVER_STRENGTH:
            form = self._lost_phase(day, metered_kwh) or _form(self._yesterday + sums, coefficients)
        return AreaVerdict(
            True, suspects, sums, now, side, strength, excess, side * rest, need, drops, place, fallen, form
        )

    def _fallen(self, now: _Now, place: Place | None) -> float:
        """The strength of a fall of a line's voltages that has lasted."""
        p, fallen_v = self._params, 0.0 if place is None else place.fallen_v
        if fallen_v >= p.fallen_v:
            now.fallen_days += 1
        elif fallen_v < p.fallen_v / 2:
            now.fallen_days = 0
        if now.fallen_days < p.fallen_days:
            return 0.0
        return min(SET_STRENGTH * fallen_v / p.fallen_v, 1.0)

    def _lost_phase(self, day: AreaCurves, metered_kwh: F64) -> Said | None:
        """What a phase of the supply meter no longer measures although customers draw from it; None where all three measure."""
        load = metered_kwh.sum(axis=(0, 2))
        for unit, unit_zh in (("current", "电流"), ("voltage", "电压")):
            by_phase = np.stack([np.abs(day.hourly[f"{unit}_{p}"][:, self._supply]) for p in PHASES])
            known = by_phase == by_phase
            if not known.any(axis=(1, 2)).all():
                continue
            mean = np.where(known, by_phase, 0.0).sum(axis=(1, 2)) / known.sum(axis=(1, 2))
            lost = (mean < _LOST_SHARE[unit] * np.median(mean)) & (load > 0.1 * load.sum())
            if lost.any():
                letters = "".join(p for p, gone in zip(PHASES, lost, strict=True) if gone)
                return Said(
                    f"the supply meter measures no {unit} on phase {letters}, from which customers draw: its own circuit is open",
                    f"考核表 {letters} 相无{unit_zh}，而该相有用户用电：考核表自身回路断开",
                )
        return None

    def _rest(self, now: _Now, explained: float) -> tuple[int, float]:
        """(side, what of the loss on that side no meter explains); what was high or negative from the first day on counts too.

        A suspicion can explain a loss away, never make one.
        """
        p, supplied = self._params, abs(now.supplied_kwh)
        at_all = now.learnt >= p.absolute_after_days
        side = 1 if now.recent_kwh > 0 else -1
        rest = max(side * (now.recent_kwh - explained), 0.0) if side * explained > 0 else abs(now.recent_kwh)
        beyond = now.loss_kwh - self._iron_kwh - max(explained, 0.0)
        if at_all and self._iron_kwh > 0 and beyond > p.absolute_share * supplied:
            return 1, max(rest if side > 0 else 0.0, beyond)
        below = min(explained, 0.0) - now.loss_kwh
        if at_all and below > p.negative_share * supplied:
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
        day = date.fromordinal(int(v.now.since_day)).isoformat() if v.now.since_day else ""
        share = v.loss_kwh / v.supplied_kwh
        lost = Reason(
            self.name,
            f"{v.loss_kwh:.4g} kWh a day lost of {v.supplied_kwh:.5g} supplied ({share:.1%}); {v.rest_kwh:+.4g} kWh a day of it"
            f"{day and f' since {day}'} are neither technical loss nor what suspected meters explain",
            text_zh=f"日损失 {v.loss_kwh:.4g} kWh，供电 {v.supplied_kwh:.5g} kWh（{share:.1%}）；其中{day and f'自 {day} 起'}"
            f"每日 {v.rest_kwh:+.4g} kWh 既非技术损耗，也非疑似表计所能解释",
        )
        reasons = [lost, self._explained(v)]
        if v.form.en:
            reasons.append(Reason(self.name, v.form.en, text_zh=v.form.zh))
        if v.place is not None and (v.place.fallen_v >= _SHOWN_V or v.form == _LOAD_OF_ITS_OWN):
            reasons.append(self._at(v.place, told=bool(v.form.en)))
        return tuple(reasons)

    def _at(self, place: Place, *, told: bool) -> Reason:
        """Where voltages fell; what it may be, unless the loss has told that already."""
        volts = f"{place.fallen_v:.2g} V"
        what = "" if told else ": a bad joint, a thin conductor or a load without a meter"
        what_zh = "" if told else "：接头不良、导线过细或存在无表用电"
        return Reason(
            self.name,
            f"most likely at segment {place.segment}: voltages there are {volts} lower than its metered load explains, "
            f"phase {place.phases}{what}",
            text_zh=f"最可能在 {place.segment} 段：该处 {place.phases} 相电压比已计量负荷所能解释的低 {volts}{what_zh}",
        )

    def _explained(self, verdict: AreaVerdict) -> Reason:
        s = verdict.suspects
        share = s.probability * s.missing_kwh
        named = [int(row) for row in np.argsort(-np.abs(share), kind="stable")[:_NAMED_METERS] if share[row]]
        if not named:
            return Reason(
                self.name,
                "no meter of the area is suspected of any of it",
                text_zh="本台区没有疑似表计能解释其中任何部分",
            )
        who = ", ".join(f"{self._area.meter_ids[r]} ({s.probability[r]:.2f}, {s.missing_kwh[r]:.3g})" for r in named)
        kwh = f"{s.explained_kwh:.4g} +- {s.explained_error_kwh:.3g} kWh"
        return Reason(
            self.name,
            f"suspected meters explain {kwh} a day (probability, kWh): {who}",
            against=True,
            text_zh=f"疑似表计每日可解释 {kwh}（概率，kWh）：{who}",
        )

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
                size = 1.25 * abs(verdict.excess_kwh)
                size = size if now.sigma_kwh != now.sigma_kwh else min(size, 4 * now.sigma_kwh)
                now.sigma_kwh = _average(now.sigma_kwh, size, 0.05)
        self._keep(now)
        self._pages.touch("area")

    def found(self, *, confirmed: bool) -> None:
        """An inspection of the whole area: where nothing was found, what is lost now becomes usual."""
        if not confirmed:
            self.begin_again()

    def begin_again(self) -> None:
        """Learn anew what is usual, as after a change of what is balanced."""
        now = self._now()
        self._usual[...] = 0.0
        self._waiting[...] = np.nan
        self._keep(_Now(supplied_kwh=now.supplied_kwh, loss_kwh=now.loss_kwh))
        self._pages.touch("area")

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        if not pages:
            self._keep(_Now())


def _form(sums: F64, coefficients: F64) -> Said:
    """How what is beyond technical loss moves with the load from hour to hour, by the sums of two days."""
    s = sums
    squares = np.array([[s[0], s[1], s[2]], [s[1], s[3], s[4]], [s[2], s[4], s[5]]])
    beyond = s[6:9] - squares @ coefficients
    total = float(s[_SQUARE] - 2 * coefficients @ s[6:9] + coefficients @ squares @ coefficients)
    if not total > 0:
        return _NOTHING_SAID
    always, load, copper = 1 - beyond**2 / np.maximum(np.diag(squares), 1e-9) / total
    share = float(beyond[1] / max(float(s[3]), 1e-9)) / _LOAD_KWH
    if load < _IN_PROPORTION and load < always / 2:
        return Said(
            f"it moves with the load hour by hour, {share:+.1%} of it: the supply meter's ratio or wiring, not a line",
            f"逐时随负荷变化，为其 {share:+.1%}：考核表倍率或接线问题，而非线路",
        )
    if copper < always:
        return _OF_COPPER
    return _LOAD_OF_ITS_OWN


@lru_cache
def _traits(kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    """(3, kinds + 1): whether a kind hides energy, may as well count too much, is of a meter's circuits; the last one is no kind at all."""
    hides = [*(kind not in _REGISTERS_ALL for kind in kinds), True]
    others = [[*(kind in of for kind in kinds), False] for of in (_OVERCOUNTS, _OF_CIRCUITS)]
    return np.array([hides, *others], dtype=np.bool_)


def _average(mean: float, value: float, rate: float) -> float:
    return value if mean != mean else mean + rate * (value - mean)
