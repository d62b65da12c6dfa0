"""The voltage that each meter misses from the busbar, against what its own current and its neighbours' drop explain (bypass, EN-05, EN-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.line_followers import LineFollowers, LinesSeen, Used
from detectors.day.memory import F64, HOURS, DayEnergy, Figure, Figures, OfTheDay, count_up, keep, mean_of_known, moved
from detectors.day.service_drops import Explained, ServiceDrops
from detectors.day.wiring import Wiring
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.archive import NOMINAL_VOLTAGE_V
from metering.evidence import AreaContext, AreaCurves

_F16, _F32 = np.float16, np.float32
_NIGHT = [23, 0, 1, 2, 3, 4]
_LEAST_DAILY_V, _LEAST_HOURLY_V = 0.01, 0.03
_MOST_SIGMA = 8.0
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
        "unseen_high_hours_z": Figure("mean of the six highest hours of the recent (some ten days) day of unexplained drops, in standard deviations of an hour", -8, 8),
        "unseen_night_slow_z": Figure("mean of the recent (some ten days) day's unexplained drops from 23 to 5 h, in standard deviations of an hour", -8, 8),
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
        "line_follows_missed_z": Figure("how surely what the line's drop leaves unexplained follows, hour by hour, what is missed of the meter's usual current, in standard errors", -60, 60),
        "line_follows_fallen_z": Figure("how surely it follows the fall of the meter's days, in standard errors", -60, 60),
        "line_follows_own_z": Figure("how surely it follows the meter's own current, in standard errors", -60, 60),
        "line_follows_fallen_most_z": Figure("as line_follows_fallen_z, beside the line's other meters", -60, 60),
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
    curve_rate: float = parameter(
        0.1, meaning="weight of today in the recent day of unexplained drops", unit="1/d", low=0.02, high=1, source="replay"
    )  # fmt: skip
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
class _Seen:
    """A day, and what is remembered with it taken in."""

    explained: Explained
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

    >>> from detectors.examples import context, day
    >>> voltage, rng = DayVoltage(context(meters=9, supply=True)), np.random.default_rng(1)
    >>> for number in range(45):
    ...     kwh = rng.uniform(0.2, 1.0, (24, 9))
    ...     volts = 232 - 0.2 * kwh * 1000 / 230 + rng.normal(0, 0.1, (24, 9))
    ...     volts[:, 8] = 232 + rng.normal(0, 0.1, 24)
    ...     kwh[:, 0] *= 0.4 if number >= 35 else 1.0
    ...     today = day(kwh, number=number, current_a=kwh * 1000 / 230, voltage_a=volts, voltage_b=volts, voltage_c=volts)
    ...     voltage.learn(today, np.ones(9, bool))
    >>> figures = voltage.describe(today)
    >>> [figures[name].round(1).tolist() for name in ("unseen_kwh", "unseen_like_own_z")]
    [[8.0, -0.4, 0.0, -0.6, -0.1, -0.1, -0.6, -0.6, nan], [8.8, 0.2, 0.4, -1.2, -0.4, 1.2, 0.5, 0.2, nan]]
    """

    name = "day_voltage"
    features: Mapping[str, str] = _FIGURES.features

    def __init__(self, context: AreaContext, params: DayVoltageParams | None = None) -> None:
        self._params = params or DayVoltageParams()
        self._context = context
        self.wiring = Wiring(context.area)
        self._drops = ServiceDrops(self.wiring)
        count = len(context.area)
        row = Slab((count,), _F32)
        unknown = Slab((count,), _F32, np.nan)
        layout: dict[str, dict[str, Slab]] = {
            "days": {
                **self._drops.layout(),
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
        self._seen = OfTheDay(self._look_at)

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
            "unseen_night_slow_z": seen.curve[_NIGHT].mean(axis=0) / hourly_v,
            "unseen_cusum": seen.cusum,
            "unseen_variation": np.log(recent["square"] + 1e-4) - np.log(days["usual_square"] + 1e-4),
            "line_moved_v": recent["common"],
            "unseen_noise_kwh": daily_v * np.abs(kwh_per_v),
        }
        figures |= self._in_proportion(seen, hourly_v, ohm)
        figures |= self._lines.figures(self._line_pages, seen.lines)
        known = self.wiring.customer & (days["learnt"] >= self._params.warm_up_days)
        return _FIGURES.bounded(figures, known & np.isfinite(recent["residual"]))

    def explained(self, day: AreaCurves) -> Explained:
        """The day's drops by what was learnt before it: asked before the day is learnt."""
        return self._seen(day).explained

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

    def _look_at(self, day: AreaCurves) -> _Seen:
        explained = self._drops.explain(self._days, day)
        own_a = np.where(explained.known, explained.own_a, np.nan)
        used = Used.of(own_a, self._days["usual_a"].astype(np.float64), self.wiring)
        lines = self._lines.look_at(self._line_pages, explained.line_v, explained.amperes, used)
        return self._take_in(explained, lines, DayEnergy.of(day, self._context).enough)

    def _take_in(self, explained: Explained, lines: LinesSeen, enough: NDArray[np.bool_]) -> _Seen:
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
        curve = np.where(
            known & counted, (1 - p.curve_rate) * days["curve_v"] + p.curve_rate * beyond_v, days["curve_v"]
        )
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
        self._learn_drops(seen.explained, usual_day)
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
        self._seen.forget()
        self._pages.touch("days")
        self._pages.touch("lines")

    def _learn_drops(self, explained: Explained, usual_day: NDArray[np.bool_]) -> None:
        days, p = self._days, self._params
        most_v = p.clip_sigma * self._hourly_v()
        most_v = np.where((days["learnt"] < _SETTLING_DAYS) | ~np.isfinite(most_v), np.inf, most_v)
        self._drops.learn(days, explained, usual_day, most_v, p.kept_per_day, self._curve_rate())

    def _curve_rate(self) -> F64:
        age = self._days["learnt"].astype(np.float64)
        return np.where(age < 2 * self._params.warm_up_days, np.maximum(0.1, 1.0 / (age + 1.0)), 0.035)

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
        keep(days["usual_kwh"], moved(days["usual_kwh"], kwh, self._curve_rate(), usual_day))

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
        self._seen.forget()
