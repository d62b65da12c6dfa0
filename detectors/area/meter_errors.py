"""Each meter's error by its area's balance, with an interval; a meter that the balance does not contain hangs elsewhere (AR-03)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.day.balance import HourlyBalance
from detectors.day.memory import F64, keep
from detectors.day.wiring import Wiring
from detectors.normal_equations import learnt, packed_size, shares_beside_others
from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.evidence import AreaContext, AreaCurves, Signal
from metering.readings import PHASES

WRONG_AREA = "wrong_area"
_F32 = np.float32
#: Meters that are told apart together, a phase in as many blocks as it takes.
_BLOCK = 48
#: What a meter's energy varies by at least, kWh an hour, and how much its share is shrunk, of its variance.
_LEAST_KWH, _RIDGE = 0.02, 0.02
#: Of the usual variance of a phase's loss, so much is believed to be noise at least.
_LEAST_NOISE_SHARE = 0.1
_MOST_SIGMA = 4.0
_FEWEST_HOURS = 12
#: Estimates are made once a week: the day of the week on which a local day's ordinal divides by seven.
_EVERY_DAYS = 7
_VARIANCE_RATE = 0.05
_NOTHING_BELOW_V = 140.0
#: Of the area's spread of voltages that follow the busbar: so far below the middle is a stranger's.
_BELOW_MEDIAN = 0.2
#: Squared volts of the busbar's steps from which they tell who follows them.
_FEWEST_SQUARED_V = 20.0
#: What a meter draws at the end of a line loses more on the way than at its head, and no least squares can tell that from an error.
_PLACE_ERROR = 0.02
_FEWEST_TOLD_APART = 8


@dataclass(frozen=True, slots=True)
class MeterErrorsParams:
    warm_up_days: float = parameter(
        21.0, meaning="balanced days before a meter's error is estimated", unit="d", low=7, high=120, source="replay"
    )
    kept_per_day: float = parameter(
        0.99, meaning="how much of what the loss follows is kept from day to day", unit="1/d", low=0.9, high=1, source="replay"
    )  # fmt: skip
    most_error: float = parameter(
        0.1, meaning="standard error above which an estimate is not shown", unit="1", low=0.005, high=1, source="proposed"
    )  # fmt: skip
    elsewhere_share: float = parameter(
        0.6, meaning="share of a meter's energy that its area's balance must lack, surely, for it to hang elsewhere", unit="1", low=0.3, high=0.95, source="replay"
    )  # fmt: skip
    elsewhere_most: float = parameter(
        1.35, meaning="share above which it is something else: energy counted twice or backwards", unit="1", low=1, high=2, source="replay"
    )  # fmt: skip
    elsewhere_sure: float = parameter(
        6.0, meaning="standard errors by which the balance must lack it", unit="1", low=3, high=30, source="replay"
    )  # fmt: skip
    stranger_voltage: float = parameter(
        0.45, meaning="correlation of the meter's voltage with its area's busbar, hour to hour, below which it is a stranger", unit="1", low=0, high=0.9, source="replay"
    )  # fmt: skip
    least_doubt: float = parameter(
        0.3, meaning="probability of a case of the meter's own from which it is not thought to hang elsewhere", unit="1", low=0.05, high=1, source="proposed"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True)
class MeterError:
    """A meter's error as the balance has it: `share` of what it shows is registered too much (negative: too little), within `low` to `high`
    in nineteen cases of twenty."""

    meter_id: str
    share: float
    low: float
    high: float

    @property
    def surely(self) -> float:
        """How large the error is at least, as a magnitude; 0 where it may be none."""
        return max(self.low, -self.high, 0.0)


class MeterErrors:
    """Whose energy an area's loss follows, hour by hour, all meters of a phase beside each other (least squares that forget, over months).

    What a meter uses more or less than is usual at the hour is drawn from the transformer to the last watt, if the meter is right; where
    the loss moves with it, the meter is wrong by that share. Whatever is the same every day (a tap, a theft that began) tells nothing and
    does no harm. Days on which the area's loss is wild count less, suspected meters' days do not count. A meter whose use the balance
    lacks altogether, and whose voltage does not move with the area's busbar, hangs on another transformer: `wrong_area`, no theft.
    Estimates are made once a week; they rank meters for calibration and raise nothing.
    Reference: Kong, Zhang, Ma, Wei, Chen (2022), Remote estimation of smart meter errors by energy balance and recursive least squares.

    >>> from detectors.day.balance import DayBalance
    >>> from detectors.examples import context, day
    >>> told, rng = context(meters=7, supply=True), np.random.default_rng(1)
    >>> balance, errors = DayBalance(told), MeterErrors(told)
    >>> for number in range(60):
    ...     kwh = rng.uniform(0.2, 1.0, (24, 7))
    ...     kwh[:, 6] = kwh[:, :6].sum(axis=1) + 0.2 + rng.normal(0, 0.02, 24)
    ...     kwh[:, 0] *= 1.1
    ...     today = day(kwh, number=number)
    ...     _ = errors.learn(today, balance.balance(today), np.zeros(7))
    ...     balance.learn(today, np.ones(7, bool))
    >>> [(error.meter_id, round(error.share, 2)) for error in errors.ranked()[:1]]
    [('M0', 0.07)]
    """

    name = "meter_errors"
    abnormalities: tuple[str, ...] = (WRONG_AREA,)

    def __init__(self, context: AreaContext, params: MeterErrorsParams | None = None) -> None:
        self._params = params or MeterErrorsParams()
        self._area = context.area
        self._customer = ~context.area.is_supply
        self._rows, self._phase, self._place = Wiring(context.area).blocks(_BLOCK, by_line=False)
        self._inside = np.where(self._rows >= 0, 1.0, 0.0)
        blocks, terms = self._rows.shape
        count, phases = len(context.area), (len(PHASES),)
        layout = {
            "loss": {
                "squares": Slab((packed_size(terms), blocks), _F32),
                "products": Slab((terms, blocks), _F32),
                "hours": Slab((2, blocks), _F32),
                "variance": Slab(phases, _F32, np.nan),
                "days": Slab((1,), np.uint16),
            },
            "meters": {
                "volts": Slab((3, count), _F32),
                "share": Slab((count,), _F32, np.nan),
                "error": Slab((count,), _F32, np.nan),
                "elsewhere": Slab((count,), np.bool_),
            },
        }
        self._pages = StatePages("meter_errors/1", layout)
        self._loss: dict[str, NDArray[Any]] = {name: self._pages.array("loss", name) for name in layout["loss"]}
        self._meters: dict[str, NDArray[Any]] = {name: self._pages.array("meters", name) for name in layout["meters"]}

    # --- saying

    @property
    def elsewhere(self) -> NDArray[np.bool_]:
        """(meters,): whose use is no part of this area's balance."""
        return np.asarray(self._meters["elsewhere"].copy())

    def signal(self, energy_kwh: F64) -> Signal:
        """Who hangs elsewhere; `observed` is what the meter uses, kWh a day, `expected` what of it the area's balance contains."""
        share = self._meters["share"].astype(np.float64)
        away = self._meters["elsewhere"]
        known = self._customer & (share == share)
        strength = np.where(known, np.where(away, 1.0, 0.0), np.nan).astype(_F32)
        contained = np.where(away, energy_kwh * np.maximum(1 - share, 0.0), np.nan)
        return Signal(
            self.name,
            WRONG_AREA,
            strength,
            np.where(away, energy_kwh, np.nan),
            contained,
            "kWh/d",
            quiet=not away.any(),
            reasons=self._reasons,
        )

    def _reasons(self, row: int) -> tuple[Reason, ...]:
        lacks, follows = f"{float(self._meters['share'][row]):.0%}", f"{float(self._follows()[row]):.2f}"
        return (
            Reason(
                self.name,
                f"the area's balance lacks {lacks} of what the meter shows, hour by hour, whatever it uses",
                text_zh=f"逐时核对，台区电量平衡中缺少该表所示电量的 {lacks}",
            ),
            Reason(
                self.name,
                f"its voltage does not move with the area's busbar (correlation {follows}, hour to hour): it hangs on another transformer",
                text_zh=f"其电压不随本台区母线变化（逐时相关系数 {follows}）：实际接在其他配变",
            ),
        )

    def estimates(self) -> list[MeterError]:
        """Of meters with load enough for a narrow interval, in archive order."""
        share, error = self._meters["share"].astype(np.float64), self._meters["error"].astype(np.float64)
        return [
            MeterError(self._area.meter_ids[row], float(share[row]), *_interval(float(share[row]), float(error[row])))
            for row in np.flatnonzero(error <= self._params.most_error)
        ]

    def ranked(self) -> list[MeterError]:
        """Candidates for calibration: those whose error is surely largest come first, who may be right is left out."""
        return sorted((e for e in self.estimates() if e.surely > 0), key=lambda e: (-e.surely, e.meter_id))

    # --- learning

    def learn(self, day: AreaCurves, balance: HourlyBalance, probability: F64) -> bool:
        """Take a day in; `probability` (meters,) is how likely each has a case of its own. True where new estimates were made."""
        self._learn_volts(day)
        loss, known = balance.loss, balance.loss == balance.loss
        hours = known.sum(axis=0)
        if not (hours >= _FEWEST_HOURS).any():
            return False
        heard = known & (hours >= _FEWEST_HOURS)
        e = _within_day(np.where(heard, loss, 0.0), heard)
        weight = self._weight(e, heard) * balance.weight
        usual_beyond = -balance.missed
        if not balance.told_apart:
            # every phase has the whole loss, and the same said three times is said once
            usual_beyond = np.broadcast_to(usual_beyond.sum(axis=1, keepdims=True), usual_beyond.shape)
            weight = weight / np.sqrt(len(PHASES))
        moves = _within_day(usual_beyond, heard[:, :, None] & (usual_beyond != 0)) * weight[:, :, None]
        self._add(moves, e * weight, weight)
        self._loss["days"][0] = min(int(self._loss["days"][0]) + 1, 60_000)
        self._pages.touch("loss")
        if day.day_ordinal % _EVERY_DAYS or self._loss["days"][0] < self._params.warm_up_days:
            return False
        self._estimate(probability >= self._params.least_doubt)
        return True

    def _weight(self, e: F64, heard: NDArray[np.bool_]) -> F64:
        """(24, 3), of each hour: less on a day on which the phase's loss is wild; learns what is usual."""
        square = (e * e).sum(axis=0) / np.maximum(heard.sum(axis=0), 1)
        variance = self._loss["variance"].astype(np.float64)
        usual = np.where(variance == variance, variance, square)
        now = np.where(heard.any(axis=0), usual + _VARIANCE_RATE * (np.minimum(square, 4 * usual) - usual), variance)
        keep(self._loss["variance"], now)
        usual = np.maximum(np.where(now == now, now, 1.0), 1e-6)
        limit = _MOST_SIGMA * np.sqrt(np.maximum(square, usual))
        day_weight = np.sqrt(usual / np.maximum(square, usual))
        return np.where(heard & (np.abs(e) <= limit), day_weight, 0.0)

    def _add(self, moves: F64, e: F64, weight: F64) -> None:
        loss, phase = self._loss, self._phase
        regressors = moves[:, phase[:, None], self._rows] * self._inside
        kept = np.where((weight > 0).any(axis=0), self._params.kept_per_day, 1.0)[phase]
        learnt(loss["squares"], loss["products"], regressors, e[:, phase], kept)
        added = np.stack([(weight * weight).sum(axis=0), (e * e).sum(axis=0)])
        keep(loss["hours"], kept * loss["hours"] + added[:, phase])

    def _learn_volts(self, day: AreaCurves) -> None:
        """How each voltage steps from hour to hour with the busbar's: what the medium voltage and the transformer do is the whole area's."""
        supply = self._area.supply_rows
        volts = np.stack([day.hourly[f"voltage_{p}"] for p in PHASES], axis=1)
        alive = volts >= _NOTHING_BELOW_V
        own = np.where(alive, volts, 0.0).sum(axis=1) / np.maximum(alive.sum(axis=1), 1)
        own = np.where(alive.any(axis=1), own, np.nan)
        if not len(supply):
            return
        step, bus = np.diff(own, axis=0), np.diff(own[:, supply].mean(axis=1))[:, None]
        known = (step == step) & (bus == bus)
        step, bus = np.where(known, step, 0.0), np.where(known, bus, 0.0)
        kept = self._params.kept_per_day
        sums = np.stack([(step * bus).sum(axis=0), (step * step).sum(axis=0), (bus * bus).sum(axis=0)])
        keep(self._meters["volts"], kept * self._meters["volts"] + sums)
        self._pages.touch("meters")

    # --- estimating

    def _estimate(self, doubted: NDArray[np.bool_]) -> None:
        loss, meters = self._loss, self._meters
        shares, sure = shares_beside_others(
            loss["squares"],
            loss["products"],
            *loss["hours"],
            least=_LEAST_KWH,
            ridge=_RIDGE,
            least_noise=_LEAST_NOISE_SHARE * loss["variance"][self._phase],
        )
        error = np.abs(shares / np.where(sure == 0, np.nan, sure))
        placed = self._place >= 0
        by_phase = np.where(placed, shares.ravel()[self._place], 0.0)
        precision = np.where(placed, 1 / np.maximum(error.ravel()[self._place], 1e-6) ** 2, 0.0)
        precision = np.where(precision == precision, precision, 0.0)
        total = precision.sum(axis=0)
        known = self._customer & (total > 0)
        # the loss falls by what is registered too much
        share = np.where(known, -(by_phase * precision).sum(axis=0) / np.where(known, total, 1.0), np.nan)
        error = np.where(known, 1 / np.sqrt(np.where(known, total, 1.0)), np.nan)
        meters["elsewhere"][...] = self._hangs_elsewhere(share, error) & (meters["elsewhere"] | ~doubted)
        keep(meters["share"], share)
        keep(meters["error"], np.hypot(error * _beyond_chance(share / error), _PLACE_ERROR))
        self._pages.touch("meters")

    def _hangs_elsewhere(self, share: F64, error: F64) -> NDArray[np.bool_]:
        p, before = self._params, self._meters["elsewhere"]
        lacking = (share - 2 * error > p.elsewhere_share) & (share > p.elsewhere_sure * error)
        lacking &= share < p.elsewhere_most
        lacking |= before & (share + error > p.elsewhere_share)
        return np.asarray(lacking & self._strange_voltage())

    def _strange_voltage(self) -> NDArray[np.bool_]:
        """(meters,): True where a voltage does not follow the busbar; a feed without voltages says nothing, and so nobody is a stranger."""
        follows = self._follows()
        known = follows == follows
        if not known.any():
            return np.zeros(len(known), dtype=np.bool_)
        below = min(self._params.stranger_voltage, float(np.median(follows[known])) - _BELOW_MEDIAN)
        return np.asarray(known & (np.where(known, follows, 1.0) < below))

    def _follows(self) -> F64:
        """(meters,): correlation of each voltage's steps from hour to hour with the busbar's, NaN where little is known."""
        together, own, bus = self._meters["volts"].astype(np.float64)
        enough = self._customer & (own > 0) & (bus > _FEWEST_SQUARED_V)
        return np.where(enough, together / np.sqrt(np.where(enough, own * bus, 1.0)), np.nan)

    # --- state

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)


def _within_day(values: F64, known: NDArray[np.bool_]) -> F64:
    """Less their mean over the known hours; 0 elsewhere."""
    count = np.maximum(known.sum(axis=0), 1)
    return np.where(known, values - np.where(known, values, 0.0).sum(axis=0) / count, 0.0)


def _beyond_chance(sure: F64) -> float:
    """By how much an area's meters lie farther from zero than their standard errors say; most meters are right."""
    known = np.abs(sure[sure == sure])
    return max(1.0, 1.4826 * float(np.median(known))) if len(known) >= _FEWEST_TOLD_APART else 1.0


def _interval(share: float, error: float) -> tuple[float, float]:
    return share - 1.96 * error, share + 1.96 * error
