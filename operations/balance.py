"""The energy balance of one transformer area in one interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.archive import Area
from metering.frame import ReadingFrame

#: Up to this share of an area's customers may be stood in for by their expected energy before the balance is not computable.
STAND_IN_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Balance:
    """Supplied and metered energy (kWh, net of export); `metered_kwh` holds `stand_ins` meters at what was expected, together
    `estimated_kwh`. An estimate is flagged as one wherever it is shown, and takes no reading's place in the store."""

    supplied_kwh: float
    metered_kwh: float
    stand_ins: int
    estimated_kwh: float = 0.0

    @property
    def loss_kwh(self) -> float:
        return self.supplied_kwh - self.metered_kwh


def balance(area: Area, frame: ReadingFrame, expected_kwh: NDArray[np.float64]) -> Balance | None:
    """None where it is not computable: no supply meter, one unmeasured, or too many customers unmeasured."""
    net_kwh = net_energy_kwh(frame)
    if area.is_steady:
        supplied_kwh, metered_kwh = net_kwh[area.supply_rows].sum(), net_kwh[area.customer_rows].sum()
        if supplied_kwh == supplied_kwh and metered_kwh == metered_kwh:
            return Balance(float(supplied_kwh), float(metered_kwh), 0)
    in_service = area.valid_at(frame.interval_start_s)
    supply, customers = area.is_supply & in_service, ~area.is_supply & in_service
    if not supply.any() or not customers.any() or np.isnan(net_kwh[supply]).any():
        return None
    missing = customers & np.isnan(net_kwh)
    stand_ins, estimated_kwh = int(missing.sum()), 0.0
    if stand_ins:
        if (
            expected_kwh is None
            or stand_ins > STAND_IN_SHARE * customers.sum()
            or np.isnan(expected_kwh[missing]).any()
        ):
            return None
        net_kwh = np.where(missing, expected_kwh, net_kwh)
        estimated_kwh = float(expected_kwh[missing].sum())
    return Balance(float(net_kwh[supply].sum()), float(net_kwh[customers].sum()), stand_ins, estimated_kwh)


def net_energy_kwh(frame: ReadingFrame) -> NDArray[np.float64]:
    """(meters,) import minus export, NaN where the import was not measured."""
    export = frame.columns.get("export_kwh")
    if export is None:
        return frame.energy_kwh
    net_kwh: NDArray[np.float64] | None = frame.shared.get("net_energy_kwh")
    if net_kwh is None:
        net_kwh = frame.shared["net_energy_kwh"] = frame.energy_kwh - np.where(export == export, export, 0.0)
    return net_kwh
