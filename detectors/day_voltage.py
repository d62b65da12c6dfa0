"""The voltage that each meter misses from the busbar, against what its own current and its neighbours' drop explain (bypass, EN-05, EN-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day_memory import F64, HOURS, DayEnergy, Figure, Figures, count_up, keep, mean_of_known, moved
from detectors.line_followers import LineFollowers, LinesSeen
from detectors.normal_equations import coefficients, learnt, packed_size
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from detectors.wiring import DayElectric, Wiring
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, AreaCurves

_F16, _F32 = np.float16, np.float32
_NIGHT = [23, 0, 1, 2, 3, 4]
#: What explains a drop: a constant, the meter's own current, the mean drop of its line's others, the area's median drop, the load of
#: its path as the archive tells it, the load of its line's first segment (the last two in units of so many amperes).
_TERMS = 6
_LOAD_A = 50.0
#: Ohms and shares to begin with, and how many hours (times the term squared) they count.
_PRIOR = np.array([0.0, 0.15, 0.5, 0.5, 0.3, 0.0])
_PRIOR_WEIGHT = np.array([0.01, 0.3, 1.0, 1.0, 1.0, 1.0])
_LEAST_OHM, _MOST_OHM = 0.02, 1.5
#: So many neighbours make a common movement.
_FEWEST_NEIGHBOURS = 3
_LEAST_DAILY_V, _LEAST_HOURLY_V = 0.01, 0.03
_MOST_SIGMA = 8.0
_MOST_DROP_V = 80.0
#: Learnt days before a residual means something.
_SETTLING_DAYS = 10
#: The highest quarter of the hours of a residual's day.
_HIGH_HOURS = 6
#: Sums of products over recent hours. e residual (V), i own current, u usual current, m what is missed of the usual; `_c` less the day's mean.
_SUMS = ("ic_ec", "ic_ic", "mc_ec", "mc_mc", "m_e", "m_m", "i_e", "i_i", "u_e", "u_u")
_SLOW_SUMS = ("slow_ic_ec", "slow_ic_ic", "slow_i_e", "slow_i_i")
_DAYS = ("residual", "night", "square", "common")

_FIGURES = Figures(
    {
        "unseen_drop_v": Figure("volts by which the meter's voltage is lower than own current and neighbours explain, recently (some four days) less usual", -40, 40),
        "unseen_drop_z": Figure("unseen_drop_v in standard deviations of the meter's days", -60, 60),
        "unseen_kwh": Figure("kWh a day behind the service line that this drop stands for and no meter saw", -2000, 2000),
        "unseen_share": Figure("unseen_kwh over the meter's usual energy", -20, 20),
        "unseen_night_z": Figure("as unseen_drop_z, of the hours from 23 to 5 h alone", -60, 60),
        "unseen_night_excess": Figure("how much higher the unexplained drop is from 23 to 5 h than over the day, in standard deviations of the days", -60, 60),
        "unseen_high_hours_z": Figure("mean of the six highest hours of the recent day of unexplained drops, in standard deviations of an hour", -8, 8),
        "unseen_cusum": Figure("accumulated unexplained drop of the days in standard deviations beyond a slack", 0, 60),
        "unseen_like_own": Figure("unexplained amperes per own ampere, by their variation within days, recently: share past the meter over share through it", -5, 20),
        "unseen_like_own_z": Figure("the same in standard errors", -60, 60),
        "unseen_like_own_slow_z": Figure("the same over some three weeks", -60, 60),
        "unseen_with_own_z": Figure("unexplained drop in proportion to own current, means of days included, in standard errors", -60, 60),
        "unseen_with_own_slow_z": Figure("the same over some three weeks", -60, 60),
        "unseen_with_usual_z": Figure("unexplained drop in proportion to the usual current of the hour, in standard errors", -60, 60),
        "unseen_with_missed_z": Figure("unexplained drop in proportion to what is missed of the usual current, in standard errors: not an empty home", -60, 60),
        "unseen_like_missed_z": Figure("the same by their variation within days", -60, 60),
        "unseen_like_missed": Figure("unexplained amperes per missed ampere by their variation within days: 1 where all that is missed still flows", -3, 3),
        "unseen_variation": Figure("log of recent over usual squared unexplained drop of the hours", -6, 12),
        "line_moved_v": Figure("volts by which neighbours' unexplained drops moved together, recently: a joint, a tap or the busbar, not the meter", -40, 40),
        "line_unexplained_v": Figure("volts of its line's and phase's mean drop that the load reported there does not explain, recently", -40, 40),
        "line_unexplained_z": Figure("the same in standard deviations of an hour", -60, 60),
        "line_follows_missed_z": Figure("how surely what the line's drop leaves unexplained follows what is missed of the meter's usual current, in standard errors", -60, 60),
        "line_follows_own_z": Figure("how surely it follows the meter's own current, in standard errors", -60, 60),
        "line_follows_missed_most_z": Figure("as line_follows_missed_z, beside the line's other meters", -60, 60),
        "line_follows_own_most_z": Figure("as line_follows_own_z, beside the line's other meters", -60, 60),
        "unseen_noise_kwh": Figure("how many kWh a day one standard deviation of the meter's days stands for: how well voltage can tell", 0, 2000),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DayVoltageParams:
    warm_up_days: float = parameter(
        14.0, meaning="learnt days before a drop is described", unit="d", low=5, high=90, source="proposed"
    )
    recent_rate: float = parameter(
        0.25, meaning="weight of today in a recent figure", unit="1/d", low=0.05, high=1, source="prototype"
    )
    kept_per_day: float = parameter(
        0.985, meaning="how much of what explains a drop is kept from day to day", unit="1/d", low=0.9, high=1, source="prototype"
    )  # fmt: skip
    usual_rate: float = parameter(
        0.02, meaning="weight of today in what is usually unexplained", unit="1/d", low=0.002, high=0.2, source="prototype"
    )  # fmt: skip
    doubt_z: float = parameter(
        4.0, meaning="unexplained drop from which on a meter's days are not learnt", unit="standard deviations", low=2, high=20, source="prototype"
    )  # fmt: skip
    slack: float = parameter(
        0.7, meaning="daily unexplained drop that costs nothing", unit="standard deviations", low=0.1, high=3, source="CUSUM k"
    )  # fmt: skip
    clip_sigma: float = parameter(
        3.0, meaning="an hour's unexplained drop is learnt up to here", unit="standard deviations", low=1, high=10, source="replay"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class _Explained:
    """A day's drops as explained by what was learnt before it, (24, meters) unless said otherwise."""

    design: F64
    """(24, meters, terms), zeros where an hour says nothing."""
    explained_v: F64
    residual_v: F64
    """Without what neighbours have in common; NaN where an hour says nothing."""
    common_v: F64
    own_a: F64
    amperes: F64
    """(24, 3, meters), with the usual current where none was measured."""
    ohm: F64
    """(meters,), of the service line."""

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.asarray(self.residual_v == self.residual_v)

    @property
    def line_v(self) -> F64:
        """The drop on the line alone, without the service line's and without what is unexplained in the meter's own; NaN where unknown."""
        return np.where(self.known, self.explained_v + self.common_v - self.design[:, :, 1] * self.ohm, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A day, and what is remembered with it taken in."""

    explained: _Explained
    counted: NDArray[np.bool_]
    """(meters,): whose voltages were measured for half of the day or more."""
    today: dict[str, F64]
    recent: dict[str, F64]
    sums: F64
    slow_sums: F64
    curve: F64
    cusum: F64
    lines: LinesSeen


class DayVoltage:
    """Current that flows past a meter still flows through its service line and lowers its voltage; the meter cannot hide that.

    Each meter's drop from the busbar (from the area's median where no supply meter shows it) is explained hour by hour by its own current,
    the drop of the others on its line and phase, the area's, and the load of its path, with resistances learnt by least squares that
    forget. What is left, less what the neighbours' residuals have in common, is put over its usual size, over the resistance (kWh that no
    meter saw), and beside the meter's own, usual and missed current: an empty home misses current and voltage agrees, a bypass's does not.
    Noisy voltages widen the standard errors. Doubtful and distrusted days are not learnt, and single hours only up to three
    standard deviations. Without currents, registered energy stands for them; without voltages, nothing is known.
    Reference: Weckx, Gonzalez, Tant, De Rybel, Driesen (2012), Parameter identification of unknown radial grids for theft detection.
    """

    name = "day_voltage"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayVoltageParams | None = None) -> None:
        self._params = params or DayVoltageParams()
        self._context = context
        self.wiring = Wiring(context.area)
        count = len(context.area)
        row = Slab((count,), _F32)
        unknown = Slab((count,), _F32, np.nan)
        curve = Slab((HOURS, count), _F16, np.nan)
        layout: dict[str, dict[str, Slab]] = {
            "days": {
                "squares": Slab((packed_size(_TERMS), count), _F32),
                "products": Slab((_TERMS, count), _F32),
                "usual_a": curve,
                "curve_v": Slab((HOURS, count), _F16),
                "sums": Slab((len(_SUMS), count), _F32),
                "slow_sums": Slab((len(_SLOW_SUMS), count), _F32),
                "usual_residual": row,
                "daily_v": unknown,
                "hourly_v": unknown,
                "usual_square": unknown,
                "usual_kwh": unknown,
                "cusum": row,
            }
            | {f"recent_{name}": unknown for name in _DAYS}
            | {"learnt": Slab((count,), np.uint8)}
        }
        self._lines = LineFollowers(self.wiring)
        layout["lines"] = self._lines.layout()
        self._pages = StatePages("day_voltage/1", layout)
        self._line_pages = {name: self._pages.array("lines", name) for name in layout["lines"]}
        self._days: dict[str, NDArray[Any]] = {name: self._pages.array("days", name) for name in layout["days"]}
        self._looked_at: tuple[AreaCurves, _Seen] | None = None

    # --- reading

    def describe(self, day: AreaCurves) -> dict[str, F64]:
        days, seen = self._days, self._seen(day)
        recent, ohm = seen.recent, seen.explained.ohm
        daily_v = np.maximum(days["daily_v"], _LEAST_DAILY_V).astype(np.float64)
        hourly_v = self._hourly_v()
        unseen_v = recent["residual"] - days["usual_residual"]
        # kWh a day per volt of mean drop
        kwh_per_v = np.where(self.wiring.three_phase, 3.0, 1.0) / ohm * NOMINAL_VOLTAGE_V / 1000 * HOURS
        kwh = unseen_v * kwh_per_v
        highest = np.sort(seen.curve, axis=0)[-_HIGH_HOURS:].mean(axis=0)
        figures = {
            "unseen_drop_v": unseen_v,
            "unseen_drop_z": unseen_v / daily_v,
            "unseen_kwh": kwh,
            "unseen_share": kwh / np.maximum(days["usual_kwh"], 0.5),
            "unseen_night_z": (recent["night"] - days["usual_residual"]) / daily_v,
            "unseen_night_excess": (recent["night"] - recent["residual"]) / daily_v,
            "unseen_high_hours_z": highest / hourly_v,
            "unseen_cusum": seen.cusum,
            "unseen_variation": np.log(recent["square"] + 1e-4) - np.log(days["usual_square"] + 1e-4),
            "line_moved_v": recent["common"],
            "unseen_noise_kwh": daily_v * np.abs(kwh_per_v),
        }
        figures |= self._in_proportion(seen, hourly_v, ohm)
        figures |= self._lines.figures(self._line_pages, seen.lines)
        known = self.wiring.customer & (days["learnt"] >= self._params.warm_up_days)
        return _FIGURES.bounded(figures, known & np.isfinite(recent["residual"]))

    def unseen_kwh(self, day: AreaCurves) -> F64:
        """What each hour's unexplained drop stands for, kWh, (24, meters): energy behind the service line that no meter saw.

        Noise included, so an hour alone says little. NaN before the warm-up, for supply meters and where no voltage was measured.
        """
        explained = self._seen(day).explained
        beyond_v = explained.residual_v - self._days["usual_residual"]
        phases = np.where(self.wiring.three_phase, 3.0, 1.0)
        known = self.wiring.customer & (self._days["learnt"] >= self._params.warm_up_days)
        return np.where(known, beyond_v * phases / explained.ohm * NOMINAL_VOLTAGE_V / 1000, np.nan)

    def _in_proportion(self, seen: _Seen, hourly_v: F64, ohm: F64) -> dict[str, F64]:
        """Slopes of the residual and how sure they are."""
        s = dict(zip(_SUMS, seen.sums, strict=True)) | dict(zip(_SLOW_SUMS, seen.slow_sums, strict=True))

        def sure(product: str, square: str) -> F64:
            return np.asarray(s[product] / (np.sqrt(s[square] + 0.01) * hourly_v))

        return {
            "unseen_like_own": s["ic_ec"] / (s["ic_ic"] + 0.5) / ohm,
            "unseen_like_own_z": sure("ic_ec", "ic_ic"),
            "unseen_like_own_slow_z": sure("slow_ic_ec", "slow_ic_ic"),
            "unseen_with_own_z": sure("i_e", "i_i"),
            "unseen_with_own_slow_z": sure("slow_i_e", "slow_i_i"),
            "unseen_with_usual_z": sure("u_e", "u_u"),
            "unseen_with_missed_z": sure("m_e", "m_m"),
            "unseen_like_missed_z": sure("mc_ec", "mc_mc"),
            "unseen_like_missed": s["mc_ec"] / (s["mc_mc"] + 5.0) / ohm,
        }

    def _hourly_v(self) -> F64:
        return np.asarray(np.maximum(self._days["hourly_v"], _LEAST_HOURLY_V), dtype=np.float64)

    def _seen(self, day: AreaCurves) -> _Seen:
        if self._looked_at is None or self._looked_at[0] is not day:
            self._looked_at = (day, self._look_at(day))
        return self._looked_at[1]

    def _look_at(self, day: AreaCurves) -> _Seen:
        explained = self._explain(day)
        missed_a = np.where(explained.known, self._days["usual_a"] - explained.own_a, np.nan)
        missed_a = np.where(missed_a == missed_a, missed_a, 0.0)
        own_a = np.where(missed_a == 0, 0.0, explained.own_a)
        lines = self._lines.look_at(self._line_pages, explained.line_v, explained.amperes, own_a, missed_a)
        return self._take_in(explained, lines, DayEnergy.of(day, self._context).enough)

    def _explain(self, day: AreaCurves) -> _Explained:
        electric = self.wiring.electric(day)
        design, says, amperes = self._design(electric)
        found = coefficients(self._days["squares"], self._days["products"], _PRIOR_WEIGHT, _PRIOR)
        explained_v = (design * found).sum(axis=2)
        drop_v = np.clip(electric.drop_v, -_MOST_DROP_V, _MOST_DROP_V)
        residual_v = np.where(says, drop_v - explained_v, np.nan)
        common_v = self._in_common(residual_v)
        ohm = np.clip(found[:, 1], _LEAST_OHM, _MOST_OHM)
        return _Explained(design, explained_v, residual_v - common_v, common_v, electric.own_a, amperes, ohm)

    def _in_common(self, residual_v: F64) -> F64:
        """As much of each residual as neighbours' residuals may explain, (24, meters).

        A current that nobody metered lowers the voltage of all meters on its way, in proportion to the segments they share with it, and of those
        beyond it alike. So the others' median is taken as it is and in proportion to the steps, on the line and phase and among the
        nearest; whatever lies between these answers is in common. The whole phase answers where a line has too few meters.
        """
        wiring = self.wiring
        steps = np.maximum(wiring.steps, 1)
        hours = len(residual_v)
        both = np.concatenate([residual_v, residual_v / steps])
        answers = []
        for medians in (wiring.by_line.median_of_others(both, 2), wiring.median_nearby(both, _FEWEST_NEIGHBOURS)):
            answers += [medians[:hours], medians[hours:] * steps]
        if not np.isfinite(answers[0]).all():
            wider_v = wiring.by_phase.median_of_others(residual_v, _FEWEST_NEIGHBOURS)
            wider_v = np.where(wider_v == wider_v, wider_v, 0.0)
            answers[0] = np.where(answers[0] == answers[0], answers[0], wider_v)
        return np.clip(residual_v, np.fmin.reduce(answers), np.fmax.reduce(answers))

    def _design(self, electric: DayElectric) -> tuple[F64, NDArray[np.bool_], F64]:
        """((24, meters, terms) of what explains a drop, (24, meters) where there is enough of it, the currents with none missing)."""
        wiring, drop_v, own_a = self.wiring, electric.drop_v, electric.own_a
        usual_a = self._days["usual_a"].astype(np.float64)
        usual_a = np.where(usual_a == usual_a, usual_a, 0.0)
        spread = np.where(wiring.three_phase, 1.0, wiring.share)
        amperes = np.where(electric.amperes == electric.amperes, electric.amperes, usual_a[:, None] * spread)
        amperes = np.where(wiring.customer, amperes, 0.0)
        path_a, line_a = wiring.loading_a(amperes)
        area_v = wiring.by_phase.spread(wiring.by_phase.median(drop_v))
        others_v = wiring.by_line.mean_of_others(np.clip(drop_v, -_MOST_DROP_V, _MOST_DROP_V))
        others_v = np.where(others_v == others_v, others_v, area_v)
        terms = [
            np.ones(drop_v.shape),
            own_a,
            others_v,
            area_v,
            wiring.of_meters(path_a, wiring.node) / _LOAD_A,
            wiring.of_meters(line_a, wiring.lines.of) / _LOAD_A,
        ]
        design = np.stack(terms, axis=2)
        says = (drop_v == drop_v) & (design == design).all(axis=2)
        design[~says] = 0.0
        return design, says, amperes

    def _take_in(self, explained: _Explained, lines: LinesSeen, enough: NDArray[np.bool_]) -> _Seen:
        """What is recent with this day taken in; nothing is stored."""
        days, p = self._days, self._params
        known, residual_v = explained.known, explained.residual_v
        counted = enough & (known.sum(axis=0) >= HOURS // 2)
        limit = _MOST_SIGMA * self._hourly_v()
        limit = np.where(limit == limit, limit, np.inf)
        beyond_v = np.clip(np.where(known, residual_v - days["usual_residual"], 0.0), -limit, limit)
        square = (beyond_v * beyond_v).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        residual = mean_of_known(residual_v)
        today = {
            "residual": residual,
            "night": mean_of_known(residual_v[_NIGHT]),
            "common": mean_of_known(np.where(known, explained.common_v, np.nan)),
            "scatter": np.sqrt(mean_of_known((residual_v - residual) ** 2)),
            "square": np.where(counted, square, np.nan),
        }
        recent = {name: moved(days[f"recent_{name}"], today[name], p.recent_rate, counted) for name in _DAYS}
        sums, slow_sums = self._sums(beyond_v, known, explained.own_a, counted)
        curve = np.where(known & counted, 0.8 * days["curve_v"] + 0.2 * beyond_v, days["curve_v"])
        z = (residual - days["usual_residual"]) / np.maximum(days["daily_v"], _LEAST_DAILY_V)
        climbed = np.clip(days["cusum"] + np.clip(z, -3, 6) - p.slack, 0, 60)
        cusum = np.where(counted & (z == z), climbed, days["cusum"])
        return _Seen(explained, counted, today, recent, sums, slow_sums, curve, cusum, lines)

    def _sums(self, beyond_v: F64, known: NDArray[np.bool_], own_a: F64, counted: NDArray[np.bool_]) -> tuple[F64, F64]:
        """The recent and the slow sums of products, with this day taken in, (sums, meters)."""
        days = self._days
        known = known & (own_a == own_a)
        usual_a = days["usual_a"].astype(np.float64)
        own = np.where(known, own_a, 0.0)
        usual = np.where(known & (usual_a == usual_a), usual_a, 0.0)
        missed = np.where(known & (usual_a == usual_a), usual_a - own, 0.0)
        hours = np.maximum(known.sum(axis=0), 1)
        e = np.where(known, beyond_v, 0.0)
        own_c, missed_c, e_c = (np.where(known, x - x.sum(axis=0) / hours, 0.0) for x in (own, missed, e))
        added = np.stack(
            [
                (x * y).sum(axis=0)
                for x, y in (
                    (own_c, e_c), (own_c, own_c), (missed_c, e_c), (missed_c, missed_c), (missed, e), (missed, missed),
                    (own, e), (own, own), (usual, e), (usual, usual),
                )
            ]
        )  # fmt: skip
        sums = np.where(counted, 0.85 * days["sums"] + added, days["sums"])
        slow = np.where(counted, 0.95 * days["slow_sums"] + added[[0, 1, 6, 7]], days["slow_sums"])
        return sums, slow

    # --- learning

    def learn(self, day: AreaCurves, trusted: NDArray[np.bool_]) -> None:
        days, p = self._days, self._params
        seen = self._seen(day)
        self._lines.learn(self._line_pages, seen.lines)
        z = (seen.recent["residual"] - days["usual_residual"]) / np.maximum(days["daily_v"], _LEAST_DAILY_V)
        doubtful = (days["learnt"] >= 2 * p.warm_up_days) & (np.abs(z) >= p.doubt_z)
        usual_day = seen.counted & trusted & ~doubtful
        self._learn_line(seen.explained, usual_day)
        for name in _DAYS:
            keep(days[f"recent_{name}"], seen.recent[name])
        for name, value in (
            ("sums", seen.sums),
            ("slow_sums", seen.slow_sums),
            ("curve_v", seen.curve),
            ("cusum", seen.cusum),
        ):
            keep(days[name], value)
        self._learn_usual(seen, DayEnergy.of(day, self._context).kwh, usual_day)
        count_up(days["learnt"], usual_day)
        self._looked_at = None
        self._pages.touch("days")
        self._pages.touch("lines")

    def _learn_line(self, explained: _Explained, usual_day: NDArray[np.bool_]) -> None:
        """What explains a drop, from hours whose residual is cut to what is usual."""
        days, p = self._days, self._params
        limit = p.clip_sigma * self._hourly_v()
        early = (days["learnt"] < _SETTLING_DAYS) | ~np.isfinite(limit)
        limit = np.where(early, np.inf, limit)
        residual_v = explained.residual_v
        # before there is something to compare with, neighbours' common movement is explained, too
        residual_v = np.where(early, residual_v + explained.common_v, np.clip(residual_v, -limit, limit))
        target = np.where(explained.known & usual_day, explained.explained_v + residual_v, 0.0)
        kept = np.where(usual_day, p.kept_per_day, 1.0)
        learnt(days["squares"], days["products"], explained.design * usual_day[:, None], target, kept)

    def _learn_usual(self, seen: _Seen, kwh: F64, usual_day: NDArray[np.bool_]) -> None:
        days, p = self._days, self._params
        age = days["learnt"].astype(np.float64)
        young = age < 2 * p.warm_up_days
        settling = usual_day & (age >= _SETTLING_DAYS)
        residual = seen.today["residual"]
        apart = np.abs(residual - days["usual_residual"])
        daily_v = days["daily_v"]
        first = settling & ~np.isfinite(daily_v)
        size = np.where(first, apart + 0.02, 1.25 * np.minimum(apart, 4 * np.where(first, 1.0, daily_v)))
        keep(daily_v, moved(daily_v, size, np.where(young, 0.1, 0.03), settling))
        rate = np.where(young, 0.1, p.usual_rate)
        keep(days["usual_residual"], moved(days["usual_residual"], residual, rate, settling))
        scatter = seen.today["scatter"]
        limited = np.where(np.isfinite(days["hourly_v"]), np.minimum(scatter, 4 * days["hourly_v"]), scatter)
        keep(days["hourly_v"], moved(days["hourly_v"], limited, 0.05, settling))
        keep(days["usual_square"], moved(days["usual_square"], seen.today["square"], 0.05, settling))
        usual_rate = np.where(young, np.maximum(0.1, 1.0 / (age + 1.0)), 0.035)
        keep(days["usual_a"], moved(days["usual_a"], seen.explained.own_a, usual_rate, usual_day))
        keep(days["usual_kwh"], moved(days["usual_kwh"], kwh, usual_rate, usual_day))

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._looked_at = None
