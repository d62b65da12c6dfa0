"""Where something is claimed: the meter, its customer, its transformer area and the line that supplies it."""

from __future__ import annotations

from dataclasses import dataclass

from metering.alert import Alert
from metering.archive import Area, Meter


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a claim. `meter_id` and `customer_id` are None for an area's own claims, `feeder` where the archive names none."""

    meter_id: str | None
    customer_id: str | None
    transformer_area: str
    feeder: str | None

    @classmethod
    def of(cls, meter: Meter) -> Place:
        """What is claimed of a supply meter is claimed of its area.

        >>> Place.of(Meter("S1", "SP-S1", "grid", "A1", "supply", feeder="F01"))
        Place(meter_id=None, customer_id=None, transformer_area='A1', feeder='F01')
        """
        if meter.role == "supply":
            return cls(None, None, meter.transformer_area, meter.feeder)
        return cls(meter.meter_id, meter.customer_id, meter.transformer_area, meter.feeder)


def place_of(alert: Alert, area: Area) -> Place:
    """Where an alert of `area` stands; only the area where the archive no longer knows its meter."""
    if alert.meter_id is not None:
        row = area.row_of.get(alert.meter_id)
        return Place(alert.meter_id, None, area.transformer_area, None) if row is None else Place.of(area.meters[row])
    supply = next(
        (area.meters[r] for r in area.supply_rows if area.meters[r].service_point == alert.service_point), None
    )
    return Place(None, None, area.transformer_area, None) if supply is None else Place.of(supply)
