"""Electricity passed on at a declared price above what the law lets through (AR-06)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.day.memory import F64
from detectors.parameters import check_ranges, parameter
from metering.alert import Reason
from metering.evidence import AreaContext, Signal

CODE = "resale"


@dataclass(frozen=True, slots=True)
class DownstreamPricesParams:
    allowed_margin: float = parameter(
        0.1, meaning="what may be added to the tariff's price for own lines and sub-meters", unit="1", low=0, high=1, source="proposed: a utility puts its rule here"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """What an area's customers declare on a day, (meters,), and what they pay. Prices per kWh of `currency`; NaN = none, or not known.

    `since_s` is when the declaration came into force (0 = none), `kwh` what the meter registers in a day, `tenants` 0 where not said.
    """

    price: F64
    paid: F64
    kwh: F64
    tenants: F64
    since_s: np.ndarray[tuple[int], np.dtype[np.int64]]
    currency: str


class DownstreamPrices:
    """Holds a declared price against what its customer pays. No state: the declarations are the ground, the readings give the amount.

    `observed` is the declared price, `expected` the highest that is allowed. A declaration within it is strength 0, and so is one that
    has ended; a meter of which nothing was ever declared, or whose tariff has no price, is not judged.

    >>> from detectors.examples import MONDAY_S, context
    >>> rule = DownstreamPrices(context(meters=3))
    >>> none, of_all = np.full(3, np.nan), np.full(3, 0.40)
    >>> declared = Declared(np.array([0.43, 0.60, np.nan]), of_all, np.full(3, 50.0), np.zeros(3), np.array([MONDAY_S, MONDAY_S, 0]), "CNY")
    >>> signal = rule.signal(declared)
    >>> signal.strength.tolist(), round(float(signal.expected[1]), 2), signal.unit
    ([0.0, 1.0, nan], 0.44, 'CNY/kWh')
    >>> signal.reasons(1)[0].text
    'declares to pass electricity on at 0.6 CNY/kWh, 0.44 is allowed on the 0.4 it pays; if all 50 kWh a day were passed on, 8 CNY a day too much'
    """

    name = "downstream_prices"
    abnormalities: tuple[str, ...] = (CODE,)

    def __init__(self, context: AreaContext, params: DownstreamPricesParams | None = None) -> None:
        self._params = params or DownstreamPricesParams()
        self._count = len(context.area)

    def allowed(self, paid: F64) -> F64:
        """The highest price per kWh that may be asked of others by who pays `paid`."""
        return paid * (1 + self._params.allowed_margin)

    def signal(self, declared: Declared) -> Signal:
        """What the declarations in force come to."""
        allowed = self.allowed(declared.paid)
        judged = (declared.since_s > 0) & ((allowed == allowed) | (declared.price != declared.price))
        above = judged & (declared.price > allowed)
        return Signal(
            self.name,
            CODE,
            np.where(judged, above, np.nan).astype(np.float32),
            np.where(above, declared.price, np.nan),
            np.where(above, allowed, np.nan),
            f"{declared.currency}/kWh",
            since_s=np.where(above, declared.since_s, 0),
            quiet=not above.any(),
            reasons=lambda row: self._reasons(declared, row),
        )

    def _reasons(self, declared: Declared, row: int) -> tuple[Reason, ...]:
        price, paid, kwh = (float(of[row]) for of in (declared.price, declared.paid, declared.kwh))
        allowed, unit, tenants = paid * (1 + self._params.allowed_margin), declared.currency, int(declared.tenants[row])
        others = "1 other" if tenants == 1 else f"{tenants} others"
        to, to_zh = (f" to {others}", f"（{tenants} 户）") if tenants else ("", "")
        said = f"declares to pass electricity on{to} at {price:.3g} {unit}/kWh, {allowed:.3g} is allowed on the {paid:.3g} it pays"
        said_zh = f"申报转供电{to_zh}价格 {price:.3g} {unit}/kWh，其购电价 {paid:.3g}，最高允许 {allowed:.3g}"
        if kwh == kwh:
            too_much = (price - allowed) * kwh
            said += f"; if all {kwh:.3g} kWh a day were passed on, {too_much:.3g} {unit} a day too much"
            said_zh += f"；若每日 {kwh:.3g} kWh 全部转供，每日多收 {too_much:.3g} {unit}"
        return (Reason(self.name, said, text_zh=said_zh),)
