"""What an area's customers declare of electricity they pass on, beside what they pay themselves, when a day closes."""

from __future__ import annotations

from datetime import date

import numpy as np

from detectors.case.downstream_prices import Declared
from detectors.day.memory import F64
from metering.alert import Worth
from metering.archive import Archive, DownstreamPrice
from metering.evidence import AreaCurves, Signal
from metering.times import DAY_S
from operations.area import AreaInProgress


def resale_signals(area: AreaInProgress, curves: AreaCurves) -> list[Signal]:
    """The declared prices of an area held against the tariff's; none where nobody declared anything."""
    declared = _declared(area, curves)
    return [] if declared is None else [area.downstream_prices.signal(declared)]


def declared_worth(area: AreaInProgress, row: int, day: date) -> Worth | None:
    """What the others paid too much since the declaration: nothing if none was passed on, at most as if all of it was.

    None where nothing is declared above what is allowed, or a price is missing.
    """
    at_s = area.archive.calendar.day_close(day)
    price = _in_force(area.archive, area.area.meter_ids[row], at_s)
    paid = None if price is None else _paid(area, row, day)
    if price is None or paid is None or paid[1] != price.currency:
        return None
    too_much = price.price_per_kwh - float(area.downstream_prices.allowed(np.array(paid[0])))
    kwh_a_day = float(np.nansum(_expected_day(area, day)[:, row]))
    if too_much <= 0 or kwh_a_day <= 0:
        return None
    most = round(too_much * kwh_a_day * (at_s - price.from_s) / DAY_S, 2)
    return Worth("price_difference", money_low=0.0, money=round(most / 2, 2), money_high=most, currency=price.currency)


def _declared(area: AreaInProgress, curves: AreaCurves) -> Declared | None:
    day = date.fromordinal(curves.day_ordinal)
    at_s = area.archive.calendar.day_close(day)
    rows = [row for row, meter_id in enumerate(area.area.meter_ids) if area.archive.declared_by(meter_id)]
    if not rows:
        return None
    count = len(area.area)
    price, paid, tenants = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
    since_s, currency = np.zeros(count, dtype=np.int64), ""
    for row in rows:
        first = area.archive.declared_by(area.area.meter_ids[row])[0]
        now = _in_force(area.archive, area.area.meter_ids[row], at_s)
        if first.from_s > at_s:
            continue
        since_s[row] = first.from_s
        if now is None:
            continue
        price[row], since_s[row], tenants[row] = now.price_per_kwh, now.from_s, now.tenants or 0
        found = _paid(area, row, day)
        if found is not None and found[1] == now.currency and currency in ("", now.currency):
            paid[row], currency = found[0], now.currency
    hourly_kwh = curves.hourly["energy_kwh"]
    kwh = np.where(np.isfinite(hourly_kwh).any(axis=0), np.nansum(hourly_kwh, axis=0), np.nan)
    return Declared(price, paid, kwh, tenants, since_s, currency)


def _in_force(archive: Archive, meter_id: str, at_s: int) -> DownstreamPrice | None:
    begun = [p for p in archive.declared_by(meter_id) if p.from_s <= at_s]
    if not begun or (begun[-1].until_s is not None and begun[-1].until_s <= at_s):
        return None
    return begun[-1]


def _paid(area: AreaInProgress, row: int, day: date) -> tuple[float, str] | None:
    """What a customer pays per kWh: the mean of the day's hours, or weighted by what the meter usually registers in them if that is more.

    Who passes electricity on may reckon either way; only a price above both is certain to be too high.
    """
    archive, category = area.archive, area.area.meters[row].tariff_category
    mean = archive.mean_price_per_kwh(category, day)
    if mean is None:
        return None
    start_s = archive.calendar.day_start(day)
    by_hour = np.array([(archive.price_per_kwh(category, start_s + 3600 * h) or mean)[0] for h in range(24)])
    usual = np.nan_to_num(_expected_day(area, day)[:, row])
    weighted = float(by_hour @ usual / usual.sum()) if usual.sum() > 0 else mean[0]
    return max(mean[0], weighted), mean[1]


def _expected_day(area: AreaInProgress, day: date) -> F64:
    return area.profile.expected_day(area.context.day_type(day))
