"""How an area's customers use electricity in a usual week, out of what is learnt of their meters."""

from __future__ import annotations

import numpy as np

from metering.catalogue import CATALOGUE
from operations.area import AreaInProgress
from service.efficiency import Use

#: Days of a week of each type: working days, Saturday, Sunday.
_DAYS_OF_TYPE = (5, 1, 1)
#: Hours of the night, 23 to 7.
_NIGHT = (23, 0, 1, 2, 3, 4, 5, 6)


def uses_of(area: AreaInProgress) -> list[Use]:
    """Of every customer of whom a usual day is learnt. Left out is whose readings an open alert puts in doubt: they are not what is used."""
    days = [area.profile.expected_day(day_type) for day_type in range(len(_DAYS_OF_TYPE))]
    days = [np.where(day == day, day, days[0]) for day in days]
    hourly = sum(share * day for share, day in zip(_DAYS_OF_TYPE, days, strict=True)) / sum(_DAYS_OF_TYPE)
    hourly = np.asarray(hourly, dtype=np.float64)
    kwh, highest = hourly.sum(axis=0), np.max(days, axis=(0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        load_factor = np.where(highest > 0, kwh / 24 / highest, np.nan)
        night_share = np.where(kwh > 0, hourly[list(_NIGHT)].sum(axis=0) / kwh, np.nan)
        full_load_hours = kwh / area.area.contracted_kw
    power_factor, doubted = area.day_bank.power_factor(), _doubted(area)
    return [
        Use(
            meter.meter_id,
            area.name,
            meter.customer_class or "",
            float(kwh[row]),
            float(full_load_hours[row]),
            float(load_factor[row]),
            float(night_share[row]),
            float(power_factor[row]),
        )
        for row, meter in enumerate(area.area.meters)
        if meter.role == "customer" and kwh[row] == kwh[row] and meter.service_point not in doubted
    ]


def _doubted(area: AreaInProgress) -> frozenset[str]:
    """Service points with an open alert that says more than information."""
    return frozenset(
        alert.service_point
        for alert in area.bank.alerts()
        if alert.is_open and CATALOGUE[alert.abnormality].lane in ("suspicion", "hazard")
    )
