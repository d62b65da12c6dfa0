"""A customer fed by several meters is judged by their total: one of them may rest while another carries the load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.pages import Slab, StatePages
from detectors.parameters import check_ranges, parameter
from metering.catalogue import CATALOGUE
from metering.evidence import AreaContext, Signal
from metering.frame import ReadingFrame

_CODES = frozenset(code for code, row in CATALOGUE.items() if "sibling_meters" in row.suppressed_by)


@dataclass(frozen=True, slots=True)
class SiblingTotalsParams:
    remembered_days: float = parameter(
        3.0, meaning="days over which a customer's total is compared", unit="d", low=0.5, high=30, source="proposed"
    )
    normal_share: float = parameter(
        0.8, meaning="energy of all the customer's meters over what they usually use, which is normal", unit="1", low=0.3, high=1, source="proposed"
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_ranges(self)


class SiblingTotals:
    """Of customers with several meters in the area: energy and what was expected, faded over days. Others cost nothing.

    >>> from detectors.examples import context, frame
    >>> totals = SiblingTotals(context(meters=3, fields={"customer_id": ["A", "A", "B"]}), SiblingTotalsParams())
    >>> totals.learn(frame(energy_kwh=[0.0, 2.1, 0.0]), np.array([1.0, 1.0, 1.0]))
    >>> totals.normal().tolist()
    [True, True, False]
    """

    name = "sibling_totals"

    def __init__(self, context: AreaContext, params: SiblingTotalsParams) -> None:
        self._params = params
        area = context.area
        customers = [meter.customer_id if meter.role == "customer" else "" for meter in area.meters]
        groups = (
            sorted({c for c in customers if c and customers.count(c) > 1}) if len(set(customers)) < len(area) else []
        )
        self._group = np.array([groups.index(c) if c in groups else -1 for c in customers], dtype=np.intp)
        self._rows = np.flatnonzero(self._group >= 0)
        self._fade = context.interval_minutes / (params.remembered_days * 1440)
        shape = (len(groups),)
        self._pages = StatePages(
            "sibling_totals/1",
            {"totals": {"energy_kwh": Slab(shape, np.float64), "expected_kwh": Slab(shape, np.float64)}},
        )

    def normal(self) -> NDArray[np.bool_]:
        """(meters,) whose customer's total is what it usually is; False for a customer with one meter."""
        found = np.zeros(len(self._group), dtype=np.bool_)
        energy, expected = self._pages.array("totals", "energy_kwh"), self._pages.array("totals", "expected_kwh")
        known = (expected > 0) & (energy >= self._params.normal_share * expected)
        found[self._rows] = known[self._group[self._rows]]
        return found

    def hide(self, signals: Sequence[Signal]) -> list[Signal]:
        """The same evidence, not judged where a sibling's load explains it and the catalogue says that it does."""
        if not len(self._rows) or all(s.quiet or s.abnormality not in _CODES for s in signals):
            return list(signals)
        normal = self.normal()
        return [
            replace(s, strength=np.where(normal, np.float32(np.nan), s.strength))
            if s.abnormality in _CODES and not s.quiet
            else s
            for s in signals
        ]

    def learn(self, frame: ReadingFrame, expected_kwh: NDArray[np.float64]) -> None:
        """Take in the meters of which both energy and expectation are known."""
        if not len(self._rows):
            return
        energy, expected = frame.energy_kwh[self._rows], expected_kwh[self._rows]
        known = np.isfinite(energy) & np.isfinite(expected)
        for name, values in (("energy_kwh", energy), ("expected_kwh", expected)):
            total = self._pages.array("totals", name)
            now = np.bincount(self._group[self._rows], np.where(known, values, 0.0), minlength=len(total))
            total += self._fade * (now - total)
        self._pages.touch("totals")

    def dump(self) -> dict[str, bytes]:
        return self._pages.dump()

    def dump_dirty(self) -> dict[str, bytes]:
        return self._pages.dump_dirty()

    def load(self, pages: dict[str, bytes]) -> None:
        self._pages.load(pages)
