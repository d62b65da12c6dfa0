"""What the API says of the archive: areas, meters, outages and work. Without any customer's name, number or address."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from desk.api.schemas import Sent, moment
from metering.archive import Archive, CustomerClass, Meter, Outage, Role, WorkOrder
from metering.times import LocalCalendar


class Places(Sent):
    """The feed's name, its local time, and all transformer areas by name."""

    name: str
    timezone: str
    interval_minutes: int
    customers: Annotated[int, Field(description="customers' meters")]
    areas: tuple[str, ...]

    @property
    def calendar(self) -> LocalCalendar:
        return LocalCalendar(self.timezone)

    @classmethod
    def of(cls, archive: Archive, *, customers: int) -> Places:
        return cls(
            name=archive.name,
            timezone=archive.timezone,
            interval_minutes=archive.interval_minutes,
            customers=customers,
            areas=tuple(archive.areas),
        )


class MeterOut(Sent):
    """A meter's stay at a service point; null is not known. `valid_from` and `valid_until` bound the stay."""

    meter_id: str
    service_point: str
    transformer_area: str
    role: Role
    customer_class: CustomerClass | None
    contracted_kw: float | None
    rated_current_a: float | None
    phases: int | None
    feeder: str | None
    valid_from: datetime | None
    valid_until: datetime | None

    @classmethod
    def of(cls, meter: Meter) -> MeterOut:
        return cls(
            meter_id=meter.meter_id,
            service_point=meter.service_point,
            transformer_area=meter.transformer_area,
            role=meter.role,
            customer_class=meter.customer_class,
            contracted_kw=meter.contracted_kw,
            rated_current_a=meter.rated_current_a,
            phases=meter.phases,
            feeder=meter.feeder,
            valid_from=None if meter.valid_from_s is None else moment(meter.valid_from_s),
            valid_until=None if meter.valid_to_s is None else moment(meter.valid_to_s),
        )


class OutageOut(Sent):
    start: datetime
    end: datetime
    planned: bool

    @classmethod
    def of(cls, outage: Outage) -> OutageOut:
        return cls(start=moment(outage.start_s), end=moment(outage.end_s), planned=outage.planned)


class WorkOut(Sent):
    """Work at one meter, or in the whole area where `meter_id` is null."""

    kind: str
    start: datetime
    end: datetime
    meter_id: str | None

    @classmethod
    def of(cls, work: WorkOrder) -> WorkOut:
        return cls(kind=work.kind, start=moment(work.start_s), end=moment(work.end_s), meter_id=work.meter_id)


class Place(Sent):
    """One transformer area: its meters in archive order, outages and work in the asked-for span."""

    transformer_area: str
    meters: tuple[MeterOut, ...]
    outages: tuple[OutageOut, ...]
    works: tuple[WorkOut, ...]
