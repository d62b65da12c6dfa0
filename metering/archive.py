"""The archive: which meter measures whom, where, under which contract; read-only while readings flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metering.errors import ArchiveError
from metering.times import LocalCalendar

Role = Literal["customer", "supply"]
CustomerClass = Literal["residential", "commercial", "industrial", "agricultural", "public", "temporary"]
Wiring = Literal["single_phase", "three_wire", "four_wire"]
VoltageLevel = Literal["low", "medium", "high"]

NOMINAL_VOLTAGE_V = 230.0
#: A connection can briefly carry more than its rating; beyond this multiple a reading is an error, not a load.
IMPOSSIBLE_OVER_RATING = 3.0
IMPOSSIBLE_OVER_CONTRACT = 10.0
NO_CONNECTION_CARRIES_KW = 1e6
_ORDERS_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter at one service point. Everything after `role` may be unknown (None): what needs it is switched off."""

    meter_id: str
    service_point: str
    customer_id: str
    transformer_area: str
    role: Role
    customer_class: CustomerClass | None = None
    tariff_category: str | None = None
    contracted_kw: float | None = None
    phases: int | None = None
    rated_current_a: float | None = None
    ct_ratio: float | None = None
    has_generation: bool | None = None
    latitude: float | None = None
    longitude: float | None = None
    feeder: str | None = None
    segment: str | None = None
    phase: str | None = None
    rated_kva: float | None = None
    cable_rated_a: float | None = None
    valid_from_s: int | None = None
    valid_to_s: int | None = None
    wiring: Wiring | None = None
    voltage_level: VoltageLevel | None = None

    @property
    def known_wiring(self) -> Wiring | None:
        """As the archive says, else by the number of phases: one is single-phase, three are four wires; None where neither is known."""
        if self.wiring is not None:
            return self.wiring
        return {1: "single_phase", 3: "four_wire"}.get(self.phases or 0)  # type: ignore[return-value]

    @property
    def known_voltage_level(self) -> VoltageLevel:
        """As the archive says, else low: a transformer area's meters stand behind its transformer."""
        return self.voltage_level or "low"

    def valid_at(self, epoch_s: int) -> bool:
        return (self.valid_from_s is None or self.valid_from_s <= epoch_s) and (
            self.valid_to_s is None or epoch_s < self.valid_to_s
        )

    @property
    def rated_kw(self) -> float | None:
        """What the connection carries at its rated current (kW), or None where the archive does not say."""
        if self.rated_kva is not None:
            return self.rated_kva
        if self.rated_current_a is None:
            return None
        return (self.phases or 1) * NOMINAL_VOLTAGE_V * self.rated_current_a * (self.ct_ratio or 1.0) / 1000

    @property
    def impossible_above_kw(self) -> float:
        """Mean demand beyond which a reading is an error; 1 GW where the archive gives nothing to judge by."""
        limits = []
        if self.rated_kw is not None:
            limits.append(IMPOSSIBLE_OVER_RATING * self.rated_kw)
        if self.contracted_kw is not None:
            limits.append(IMPOSSIBLE_OVER_CONTRACT * self.contracted_kw)
        return max(limits, default=NO_CONNECTION_CARRIES_KW)


@dataclass(frozen=True, slots=True)
class Outage:
    transformer_area: str
    start_s: int
    end_s: int
    planned: bool


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a person was allowed to open or change, at one meter or in a whole area, and when."""

    kind: str
    start_s: int
    end_s: int
    meter_id: str | None = None
    transformer_area: str | None = None


@dataclass(frozen=True, slots=True)
class TariffPrice:
    tariff_category: str
    from_hour: int
    to_hour: int
    price_per_kwh: float
    currency: str
    effective_from: date


@dataclass(frozen=True, slots=True)
class DownstreamPrice:
    """The price at which a customer declares to pass electricity on, behind the own meter, to `tenants` others (None: not said).

    It is in force from `from_s` until `until_s` (None: until the next one of this meter begins).
    """

    meter_id: str
    from_s: int
    price_per_kwh: float
    currency: str
    until_s: int | None = None
    tenants: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MeterOrder:
    """The meters of an arrived frame as rows of their area, (rows,), -1 = not of this area.

    `all_known`: no -1 among them; `distinct`: none stands twice; `whole`: exactly the area's meters in archive order.
    """

    rows: NDArray[np.intp]
    everything: NDArray[np.intp]
    impossible_above_kw: NDArray[np.float64]
    all_known: bool
    distinct: bool
    whole: bool

    @classmethod
    def of(cls, area: Area, meter_ids: tuple[str, ...]) -> MeterOrder:
        rows = np.array([area.row_of.get(m, -1) for m in meter_ids], dtype=np.intp)
        everything = np.arange(len(rows))
        inside = rows >= 0
        limits = np.where(inside, area.impossible_above_kw[rows], np.inf)
        for values in (rows, everything, limits):
            values.setflags(write=False)
        known = rows[inside]
        return cls(
            rows,
            everything,
            limits,
            bool(inside.all()),
            len(np.unique(known)) == len(known),
            meter_ids == area.meter_ids,
        )


@dataclass(frozen=True)
class Area:
    """A transformer area as its judging sees it: its meters in archive order, as rows of every frame.

    Arrays have shape (meters,), NaN where the archive does not say.
    """

    transformer_area: str
    meters: tuple[Meter, ...]

    @cached_property
    def meter_ids(self) -> tuple[str, ...]:
        return tuple(m.meter_id for m in self.meters)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        return {m: i for i, m in enumerate(self.meter_ids)}

    @cached_property
    def _known_orders(self) -> dict[tuple[str, ...], MeterOrder]:
        return {}

    def order_of(self, meter_ids: tuple[str, ...]) -> MeterOrder:
        """Where these meters stand in the archive; the orders in which they usually come are remembered."""
        known = self._known_orders.get(meter_ids)
        if known is None:
            if len(self._known_orders) >= _ORDERS_REMEMBERED:
                self._known_orders.clear()
            known = self._known_orders[meter_ids] = MeterOrder.of(self, meter_ids)
        return known

    @cached_property
    def is_supply(self) -> NDArray[np.bool_]:
        return np.array([m.role == "supply" for m in self.meters], dtype=np.bool_)

    @cached_property
    def contracted_kw(self) -> NDArray[np.float64]:
        return _floats(m.contracted_kw for m in self.meters)

    @cached_property
    def rated_kw(self) -> NDArray[np.float64]:
        return _floats(m.rated_kw for m in self.meters)

    @cached_property
    def rated_current_a(self) -> NDArray[np.float64]:
        return _floats(m.rated_current_a for m in self.meters)

    @cached_property
    def phases(self) -> NDArray[np.float64]:
        return _floats(m.phases for m in self.meters)

    @cached_property
    def has_generation(self) -> NDArray[np.bool_]:
        """True only where the archive says so; unknown counts as no generation declared."""
        return np.array([bool(m.has_generation) for m in self.meters], dtype=np.bool_)

    @cached_property
    def generation_known(self) -> NDArray[np.bool_]:
        return np.array([m.has_generation is not None for m in self.meters], dtype=np.bool_)

    @cached_property
    def impossible_above_kw(self) -> NDArray[np.float64]:
        return np.array([m.impossible_above_kw for m in self.meters], dtype=np.float64)

    @cached_property
    def supply_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.is_supply)

    @cached_property
    def customer_rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(~self.is_supply)

    @cached_property
    def is_steady(self) -> bool:
        """Whether the area has a supply meter and customers, all of them in service at all times."""
        return self._always_valid is not None and bool(len(self.supply_rows) and len(self.customer_rows))

    @cached_property
    def _valid_from_s(self) -> NDArray[np.int64]:
        return np.array([-(2**62) if m.valid_from_s is None else m.valid_from_s for m in self.meters], dtype=np.int64)

    @cached_property
    def _valid_to_s(self) -> NDArray[np.int64]:
        return np.array([2**62 if m.valid_to_s is None else m.valid_to_s for m in self.meters], dtype=np.int64)

    @cached_property
    def _always_valid(self) -> NDArray[np.bool_] | None:
        """All true, read-only, where no meter comes or goes; else None."""
        if any(m.valid_from_s is not None or m.valid_to_s is not None for m in self.meters):
            return None
        everyone = np.ones(len(self.meters), dtype=np.bool_)
        everyone.setflags(write=False)
        return everyone

    def valid_at(self, epoch_s: int) -> NDArray[np.bool_]:
        """Which meters are in service at `epoch_s`."""
        if self._always_valid is not None:
            return self._always_valid
        return (self._valid_from_s <= epoch_s) & (epoch_s < self._valid_to_s)

    def __len__(self) -> int:
        return len(self.meters)


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


@dataclass(frozen=True)
class Archive:
    """Everything that is known beforehand about the meters of one feed or one utility.

    A meter that moved to another area stands once per area, with disjoint validity. Raises `ArchiveError` on
    contradictions.
    """

    name: str
    interval_minutes: int
    timezone: str
    meters: tuple[Meter, ...]
    holidays: frozenset[date] = frozenset()
    outages: tuple[Outage, ...] = ()
    works: tuple[WorkOrder, ...] = ()
    tariffs: tuple[TariffPrice, ...] = ()
    downstream_prices: tuple[DownstreamPrice, ...] = ()
    licence: str = ""
    _by_area: dict[str, Area] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.interval_minutes <= 1440 or 1440 % self.interval_minutes:
            raise ArchiveError(
                f"interval_minutes = {self.interval_minutes}: give 1 to 1440 minutes that divide a day (feed.toml)"
            )
        if not self.meters:
            raise ArchiveError("no meter in the archive: meters.csv needs at least one row")
        grouped: dict[str, list[Meter]] = {}
        spans: dict[str, list[Meter]] = {}
        for meter in self.meters:
            grouped.setdefault(meter.transformer_area, []).append(meter)
            for other in spans.setdefault(meter.meter_id, []):
                if _overlap(meter, other):
                    raise ArchiveError(
                        f"meter {meter.meter_id} stands twice at the same time (areas {other.transformer_area} and "
                        f"{meter.transformer_area}); give valid_from/valid_to so that one ends before the other begins"
                    )
            spans[meter.meter_id].append(meter)
        for name in sorted(grouped):
            members = grouped[name]
            if len({m.meter_id for m in members}) != len(members):
                raise ArchiveError(f"a meter returns to area {name} after an absence: give it a new meter_id")
            self._by_area[name] = Area(name, tuple(members))

    @property
    def calendar(self) -> LocalCalendar:
        return LocalCalendar(self.timezone)

    @property
    def interval_s(self) -> int:
        return 60 * self.interval_minutes

    @property
    def areas(self) -> Mapping[str, Area]:
        """Areas by name, in name order."""
        return self._by_area

    @cached_property
    def areas_of_meter(self) -> Mapping[str, tuple[Meter, ...]]:
        """Every stay of a meter id, in archive order."""
        stays: dict[str, list[Meter]] = {}
        for meter in self.meters:
            stays.setdefault(meter.meter_id, []).append(meter)
        return {k: tuple(v) for k, v in stays.items()}

    def area_of(self, meter_id: str, epoch_s: int) -> str | None:
        """The area a meter reports in at `epoch_s`; None for a meter the archive does not know."""
        stays = self.areas_of_meter.get(meter_id)
        if not stays:
            return None
        for meter in stays:
            if meter.valid_at(epoch_s):
                return meter.transformer_area
        return stays[-1].transformer_area

    def meter(self, meter_id: str) -> Meter | None:
        stays = self.areas_of_meter.get(meter_id)
        return stays[-1] if stays else None

    @cached_property
    def _by_service_point(self) -> Mapping[str, Meter]:
        return {m.service_point: m for m in self.meters}

    def meter_at(self, service_point: str) -> Meter | None:
        """The meter (the last one) at a service point."""
        return self._by_service_point.get(service_point)

    @cached_property
    def outages_by_area(self) -> Mapping[str, tuple[Outage, ...]]:
        found: dict[str, list[Outage]] = {}
        for outage in self.outages:
            found.setdefault(outage.transformer_area, []).append(outage)
        return {k: tuple(v) for k, v in found.items()}

    def in_outage(self, transformer_area: str, start_s: int, end_s: int) -> bool:
        """Whether a recorded outage of the area touches [start, end)."""
        return any(o.start_s < end_s and start_s < o.end_s for o in self.outages_by_area.get(transformer_area, ()))

    def works_at(self, meter: Meter, epoch_s: int) -> Iterator[WorkOrder]:
        """Work orders that cover this meter at this time."""
        for work in self.works:
            if work.start_s <= epoch_s < work.end_s and (
                work.meter_id == meter.meter_id
                or (work.meter_id is None and work.transformer_area == meter.transformer_area)
            ):
                yield work

    def price_per_kwh(self, tariff_category: str | None, epoch_s: int) -> tuple[float, str] | None:
        """Price and currency in force at `epoch_s`, or None: then money is not stated."""
        local = self.calendar.local(epoch_s)
        best: TariffPrice | None = None
        for price in self.tariffs:
            if price.tariff_category != tariff_category or price.effective_from > local.date():
                continue
            wraps = price.to_hour <= price.from_hour
            inside = (
                (local.hour >= price.from_hour or local.hour < price.to_hour)
                if wraps
                else price.from_hour <= local.hour < price.to_hour
            )
            if inside and (best is None or price.effective_from > best.effective_from):
                best = price
        return None if best is None else (best.price_per_kwh, best.currency)

    def mean_price_per_kwh(self, tariff_category: str | None, day: date) -> tuple[float, str] | None:
        """Price as the mean of a local day's hours, and its currency; None where an hour has no price."""
        asked = (tariff_category, day)
        if asked not in self._mean_prices:
            self._mean_prices[asked] = self._mean_price(tariff_category, day)
        return self._mean_prices[asked]

    @cached_property
    def _mean_prices(self) -> dict[tuple[str | None, date], tuple[float, str] | None]:
        """As they were asked for: every open alert asks every day."""
        return {}

    def _mean_price(self, tariff_category: str | None, day: date) -> tuple[float, str] | None:
        if not self.tariffs or tariff_category is None:
            return None
        start_s = self.calendar.day_start(day)
        prices = [self.price_per_kwh(tariff_category, start_s + 3600 * hour) for hour in range(24)]
        known = [p for p in prices if p is not None]
        if len(known) < len(prices) or len({currency for _, currency in known}) > 1:
            return None
        return sum(price for price, _ in known) / len(known), known[0][1]

    @cached_property
    def _declared_by_meter(self) -> Mapping[str, tuple[DownstreamPrice, ...]]:
        found: dict[str, list[DownstreamPrice]] = {}
        for price in sorted(self.downstream_prices, key=lambda p: p.from_s):
            found.setdefault(price.meter_id, []).append(price)
        return {meter_id: tuple(prices) for meter_id, prices in found.items()}

    def declared_by(self, meter_id: str) -> tuple[DownstreamPrice, ...]:
        """What the customer of a meter declared of passing electricity on, oldest first."""
        return self._declared_by_meter.get(meter_id, ())

    def only(self, transformer_area: str) -> Archive:
        """The same archive narrowed to one area."""
        return replace(self, meters=self.areas[transformer_area].meters, _by_area={})


def _overlap(a: Meter, b: Meter) -> bool:
    start = max(
        a.valid_from_s if a.valid_from_s is not None else -(2**62),
        b.valid_from_s if b.valid_from_s is not None else -(2**62),
    )
    end = min(a.valid_to_s if a.valid_to_s is not None else 2**62, b.valid_to_s if b.valid_to_s is not None else 2**62)
    return start < end
