"""An area that loses its supply again and again (CM-06)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.parameters import check_ranges, parameter
from metering.archive import Outage
from metering.evidence import AreaContext, Signal
from metering.times import DAY_S

CODE = "frequent_outage"


@dataclass(frozen=True, slots=True)
class FrequentOutageParams:
    most_outages: float = parameter(
        3.0, meaning="unplanned outages within the window that are still usual", unit="1", low=1, high=50, source="CM-06: more than 3 in 60 days"
    )  # fmt: skip
    window_days: float = parameter(
        60.0, meaning="how far back outages are counted", unit="d", low=7, high=366, source="CM-06"
    )

    def __post_init__(self) -> None:
        check_ranges(self)


class FrequentOutage:
    """Counts an area's recorded outages when its day closes; planned ones are nobody's fault, those to come are not known yet.

    `observed` and `expected` are the outages within the window and how many are usual, on the supply meters' rows. No state: the records are.

    >>> from detectors.examples import MONDAY_S, context
    >>> rule = FrequentOutage(context(meters=2, supply=True))
    >>> outages = [Outage("TA", MONDAY_S + day * DAY_S, MONDAY_S + day * DAY_S + 600, planned=False) for day in range(5)]
    >>> signal = rule.signal(outages, MONDAY_S + 4 * DAY_S)
    >>> signal.strength.tolist(), float(signal.observed[1])
    ([nan, 1.0], 4.0)
    """

    name = CODE
    abnormalities: tuple[str, ...] = (CODE,)

    def __init__(self, context: AreaContext, params: FrequentOutageParams | None = None) -> None:
        self._params = params or FrequentOutageParams()
        self._rows = context.area.is_supply

    def signal(self, outages: Iterable[Outage], at_s: int) -> Signal:
        """What the outages known at `at_s` (epoch seconds) come to."""
        p = self._params
        since_s = at_s - p.window_days * DAY_S
        begins_s = [o.start_s for o in outages if not o.planned and o.end_s <= at_s and o.end_s > since_s]
        often = len(begins_s) > p.most_outages
        known = self._rows & often
        return Signal(
            self.name,
            CODE,
            np.where(self._rows, np.float32(often), np.nan).astype(np.float32),
            np.where(known, float(len(begins_s)), np.nan),
            np.where(known, p.most_outages, np.nan),
            "outages",
            since_s=np.where(known, min(begins_s, default=0), 0),
            quiet=not often,
        )
