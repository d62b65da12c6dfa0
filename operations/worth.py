"""What a claim is worth since its onset: energy that was not registered, and money where the archive knows a price."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Literal

from detectors.case.recoverable import NOTHING_LOST, Estimate
from metering.alert import Worth
from metering.archive import Archive, Area, Meter
from metering.catalogue import CATALOGUE, INFORMATION_FAMILIES

#: Kinds whose energy was registered, and paid at the wrong price.
PRICED_WRONG = frozenset({"tariff_misuse"})


def worth_of(abnormality: str, estimate: Estimate, meter: Meter, area: Area, archive: Archive, day: date) -> Worth:
    """The worth of a claim of this kind at this meter, at the prices of `day`."""
    kind = CATALOGUE[abnormality]
    if kind.lane != "suspicion" or kind.family in INFORMATION_FAMILIES:
        return Worth("nothing_lost")
    # the kind is only the likeliest one: where energy is clearly missing that is said, whatever it is called
    if estimate.lost_low <= 0 and abnormality in PRICED_WRONG:
        return _price_difference(estimate, meter, area, archive, day)
    if estimate.lost_low <= 0 and abnormality in NOTHING_LOST:
        return Worth("nothing_lost")
    return worth_of_energy((estimate.lost_low, estimate.lost, estimate.lost_high), meter, archive, day)


def worth_of_energy(
    kwh: tuple[float, float, float],
    meter: Meter,
    archive: Archive,
    day: date,
    basis: Literal["energy", "unbilled"] = "energy",
) -> Worth:
    """(low, middle, high) kWh that were not registered, or not billed, at the prices of `day`."""
    price = archive.mean_price_per_kwh(meter.tariff_category, day)
    if price is None:
        return Worth(basis, *kwh)
    per_kwh, currency = price
    low, middle, high = (round(k * per_kwh, 2) for k in kwh)
    return Worth(basis, *kwh, low, middle, high, currency)


def _price_difference(estimate: Estimate, meter: Meter, area: Area, archive: Archive, day: date) -> Worth:
    """What a business would have paid more for the same energy: for what came on top of the usual at least, at most for all of it."""
    own = archive.mean_price_per_kwh(meter.tariff_category, day)
    theirs = archive.mean_price_per_kwh(_tariff_of_businesses(area), day)
    if own is None or theirs is None or own[1] != theirs[1]:
        return Worth("price_difference")
    more_per_kwh = max(theirs[0] - own[0], 0.0)
    on_top_kwh = max(estimate.used - estimate.expected, 0.0)
    low, high = (round(kwh * more_per_kwh, 2) for kwh in (on_top_kwh, estimate.used))
    return Worth("price_difference", money_low=low, money=round((low + high) / 2, 2), money_high=high, currency=own[1])


def _tariff_of_businesses(area: Area) -> str | None:
    """The tariff category that the area's businesses mostly have; None where it has none."""
    found = Counter(m.tariff_category for m in area.meters if m.customer_class == "commercial" and m.tariff_category)
    return min(found, key=lambda category: (-found[category], category)) if found else None
