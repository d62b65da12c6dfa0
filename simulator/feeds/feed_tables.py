"""The small CSV files of a feed folder: every row parsed into its type, every fault named by file, line and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TypeVar, get_args

from metering.archive import (
    CustomerClass,
    DownstreamPrice,
    Meter,
    Outage,
    Role,
    TariffPrice,
    VoltageLevel,
    Wiring,
    WorkOrder,
)
from metering.catalogue import CATALOGUE
from metering.errors import FeedError, RowError
from metering.messages import Finding, MeterEvent
from metering.times import iso
from metering.truth import TruthCase
from simulator.scenarios.case import Case

T = TypeVar("T")

REQUIRED_METER_COLUMNS = ("meter_id", "service_point", "customer_id", "transformer_area", "role")
OPTIONAL_METER_COLUMNS = (
    "customer_class",
    "tariff_category",
    "contracted_kw",
    "phases",
    "rated_current_a",
    "ct_ratio",
    "has_generation",
    "latitude",
    "longitude",
    "feeder",
    "segment",
    "phase",
    "rated_kva",
    "cable_rated_a",
    "valid_from",
    "valid_to",
    "wiring",
    "voltage_level",
)
METER_COLUMNS = (*REQUIRED_METER_COLUMNS, *OPTIONAL_METER_COLUMNS)
#: More than this there is not: the largest customers and transformers have a gigawatt; a register's multiplier is the current
#: transformers' ratio (5,000/5 A) by the voltage transformers' (750,000/100 V).
MOST: Mapping[str, float] = {
    "contracted_kw": 2e6,
    "rated_current_a": 1e5,
    "ct_ratio": 1e7,
    "rated_kva": 2e6,
    "cable_rated_a": 1e5,
}
#: No currency has a kWh that costs more.
_MOST_PRICE = 1e6
YES = frozenset({"true", "1", "yes"})
NO = frozenset({"false", "0", "no"})
#: Times outside these years are no times of a metering interval, and local calendars cannot hold them.
FIRST_TIME_S = -2_208_988_800
LAST_TIME_S = 253_370_764_800


def time_of(text: str) -> int:
    """Epoch seconds of an ISO 8601 text; without an offset it is UTC, as the feed's columns are. ValueError otherwise.

    >>> time_of("2026-01-01T08:00:00+08:00") == time_of("2026-01-01 00:00") == time_of("2026-01-01T00:00:00Z")
    True
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    epoch_s = math.floor(moment.timestamp())
    if not FIRST_TIME_S <= epoch_s < LAST_TIME_S:
        raise ValueError(f"{text!r} lies outside the years 1900 to 9998")
    return epoch_s


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a CSV file, with what is needed to say what is wrong in it."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def fail(self, column: str, wrong: str) -> NoReturn:
        raise RowError(f"{self.path}, line {self.line}, column {column}: {wrong}")

    def text(self, column: str) -> str:
        found = self.cells.get(column, "")
        if not found:
            self.fail(column, "empty; give a value")
        return found

    def optional_text(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def _parsed(self, column: str, parse: Callable[[str], T], wanted: str) -> T | None:
        found = self.optional_text(column)
        if found is None:
            return None
        try:
            return parse(found)
        except (ValueError, OverflowError):
            self.fail(column, f"{found!r} is not {wanted}")

    def number(
        self, column: str, *, above: float = -math.inf, at_least: float = -math.inf, at_most: float = math.inf
    ) -> float | None:
        value = self._parsed(column, float, "a number; write it with a decimal point, or leave it empty")
        if value is None:
            return None
        if not math.isfinite(value) or value < at_least or value <= above or value > at_most:
            bound = f" above {above:g}" if math.isfinite(above) else ""
            bound = f" from {at_least:g}" if math.isfinite(at_least) else bound
            bound += f" up to {at_most:,.0f}" if math.isfinite(at_most) else ""
            self.fail(column, f"{value:g} is not possible; give a finite number{bound}, or leave it empty")
        return value

    def rating(self, column: str) -> float | None:
        """A number of `MOST`: above nothing, and no more than there can be."""
        return self.number(column, above=0, at_most=MOST[column])

    def whole(self, column: str, lowest: int, highest: int) -> int | None:
        value = self._parsed(column, int, f"a whole number from {lowest} to {highest}")
        if value is not None and not lowest <= value <= highest:
            self.fail(column, f"{value} is not from {lowest} to {highest}")
        return value

    def time(self, column: str) -> int:
        self.text(column)
        moment = self.optional_time(column)
        assert moment is not None  # noqa: S101 - text() has refused the empty cell
        return moment

    def optional_time(self, column: str) -> int | None:
        return self._parsed(
            column, time_of, "a time; write ISO 8601 such as 2026-01-01T00:00:00Z (UTC without an offset)"
        )

    def yes_or_no(self, column: str) -> bool | None:
        found = self.optional_text(column)
        if found is None:
            return None
        if found.lower() not in YES | NO:
            self.fail(column, f"{found!r} is neither true nor false")
        return found.lower() in YES

    def span(self) -> tuple[int, int]:
        start_s, end_s = self.time("start"), self.time("end")
        if end_s <= start_s:
            self.fail("end", f"{iso(end_s)} is not after the start {iso(start_s)}")
        return start_s, end_s


def read_rows(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    notes: list[str] | None = None,
    aside: list[str] | None = None,
) -> Iterator[Row]:
    """Rows of a CSV file with a header (UTF-8, a byte order mark and CRLF are fine). Unknown columns become a note.

    A line with too few or too many values is told in `aside` and left out; without `aside` it is refused.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if header is None:
                raise FeedError(f"{path}: empty file; its first line must name the columns {', '.join(required)}")
            names = [name.strip() for name in header]
            check_header(path, names, required)
            if notes is not None:
                notes.extend(
                    f"{path.name}: column {name!r} is not known and is ignored"
                    for name in names
                    if name not in required and name not in optional
                )
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(names):
                    fault = f"{path}, line {reader.line_num}: {len(cells)} values under {len(names)} columns"
                    if aside is None:
                        raise RowError(fault)
                    aside.append(fault)
                    continue
                stripped = (cell.strip() for cell in cells)
                yield Row(path, reader.line_num, dict(zip(names, stripped, strict=True)))
    except UnicodeDecodeError as error:
        raise FeedError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from error
    except csv.Error as error:
        raise FeedError(f"{path}, line {reader.line_num}: {error}; check the quotes") from error


def _each(rows: Iterable[Row], parse: Callable[[Row], T], aside: list[str] | None) -> Iterator[T]:
    """The rows, parsed. One that cannot be is told in `aside` with file, line and column, and left out; without `aside` it is refused."""
    for row in rows:
        try:
            yield parse(row)
        except RowError as error:
            if aside is None:
                raise
            aside.append(str(error))


def separator_hint(names: Sequence[str]) -> str:
    """What to do about a header that is one name because its fields are separated by something else; empty where it is not.

    >>> separator_hint(["meter_id;energy_kwh"])
    "; its fields are separated by ';': use ','"
    """
    if len(names) != 1:
        return ""
    found = next((sign for sign in (";", "\t", "|") if sign in names[0]), None)
    word = "tabs" if found == "\t" else repr(found)
    return "" if found is None else f"; its fields are separated by {word}: use ','"


def check_header(path: Path, names: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in names]
    if missing:
        hint = separator_hint(names)
        raise FeedError(f"{path}, line 1: column {', '.join(missing)} is missing; found {', '.join(names)}{hint}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FeedError(f"{path}, line 1: column {', '.join(twice)} stands twice; keep one")


def read_meters(path: Path, notes: list[str]) -> tuple[Meter, ...]:
    meters: list[Meter] = []
    lines: dict[str, list[tuple[int, Meter]]] = {}
    for row in read_rows(path, REQUIRED_METER_COLUMNS, OPTIONAL_METER_COLUMNS, notes):
        meter = meter_of(row)
        for line, other in lines.setdefault(meter.meter_id, []):
            if other.transformer_area == meter.transformer_area or _meet(meter, other):
                row.fail(
                    "meter_id",
                    f"{meter.meter_id} stands in line {line} already; a meter that moved to another area needs "
                    "valid_from/valid_to that do not overlap, an exchanged one a meter_id of its own",
                )
        lines[meter.meter_id].append((row.line, meter))
        meters.append(meter)
    if not meters:
        raise FeedError(f"{path}: no meter; add one line per meter")
    return tuple(meters)


def _meet(a: Meter, b: Meter) -> bool:
    first, last = -(2**62), 2**62
    start = max(first if m.valid_from_s is None else m.valid_from_s for m in (a, b))
    end = min(last if m.valid_to_s is None else m.valid_to_s for m in (a, b))
    return start < end


def meter_of(row: Row) -> Meter:
    """The meter of a line of meters.csv; `FeedError` for what it cannot be."""
    meter_id = row.text("meter_id")
    role, customer_class = row.text("role"), row.optional_text("customer_class")
    if role not in get_args(Role):
        row.fail("role", f"{role!r} is not known; write {' or '.join(get_args(Role))}")
    if customer_class is not None and customer_class not in get_args(CustomerClass):
        row.fail("customer_class", f"{customer_class!r} is not known; known are {', '.join(get_args(CustomerClass))}")
    wiring, voltage_level = row.optional_text("wiring"), row.optional_text("voltage_level")
    for column, word, known in (("wiring", wiring, Wiring), ("voltage_level", voltage_level, VoltageLevel)):
        if word is not None and word not in get_args(known):
            row.fail(column, f"{word!r} is not known; known are {', '.join(get_args(known))}")
    if role == "customer":
        row.text("customer_id")
    valid_from_s, valid_to_s = row.optional_time("valid_from"), row.optional_time("valid_to")
    if valid_from_s is not None and valid_to_s is not None and valid_to_s <= valid_from_s:
        row.fail("valid_to", f"{iso(valid_to_s)} is not after valid_from {iso(valid_from_s)}")
    return Meter(
        meter_id=meter_id,
        service_point=row.text("service_point"),
        customer_id=row.cells["customer_id"],
        transformer_area=row.text("transformer_area"),
        role=role,  # type: ignore[arg-type]
        customer_class=customer_class,  # type: ignore[arg-type]
        tariff_category=row.optional_text("tariff_category"),
        contracted_kw=row.rating("contracted_kw"),
        phases=row.whole("phases", 1, 3),
        rated_current_a=row.rating("rated_current_a"),
        ct_ratio=row.rating("ct_ratio"),
        has_generation=row.yes_or_no("has_generation"),
        latitude=row.number("latitude", at_least=-90, at_most=90),
        longitude=row.number("longitude", at_least=-180, at_most=180),
        feeder=row.optional_text("feeder"),
        segment=row.optional_text("segment"),
        phase=row.optional_text("phase"),
        rated_kva=row.rating("rated_kva"),
        cable_rated_a=row.rating("cable_rated_a"),
        valid_from_s=valid_from_s,
        valid_to_s=valid_to_s,
        wiring=wiring,  # type: ignore[arg-type]
        voltage_level=voltage_level,  # type: ignore[arg-type]
    )


def read_outages(path: Path, notes: list[str], aside: list[str] | None = None) -> tuple[Outage, ...]:
    columns = ("transformer_area", "start", "end", "planned")

    def outage(row: Row) -> Outage:
        start_s, end_s = row.span()
        row.text("planned")
        return Outage(row.text("transformer_area"), start_s, end_s, bool(row.yes_or_no("planned")))

    return tuple(_each(read_rows(path, columns, (), notes, aside), outage, aside))


def read_works(path: Path, notes: list[str], aside: list[str] | None = None) -> tuple[WorkOrder, ...]:
    def work(row: Row) -> WorkOrder:
        start_s, end_s = row.span()
        meter_id, area = row.optional_text("meter_id"), row.optional_text("transformer_area")
        if meter_id is None and area is None:
            row.fail("meter_id", "empty, and so is transformer_area; name the meter or the area of the work")
        return WorkOrder(row.text("kind"), start_s, end_s, meter_id, area)

    columns, optional = ("kind", "start", "end"), ("meter_id", "transformer_area")
    return tuple(_each(read_rows(path, columns, optional, notes, aside), work, aside))


def read_tariffs(path: Path, notes: list[str]) -> tuple[TariffPrice, ...]:
    columns = ("tariff_category", "from_hour", "to_hour", "price_per_kwh", "currency", "effective_from")
    prices = []
    for row in read_rows(path, columns, (), notes):
        for column in columns:
            row.text(column)
        from_hour, to_hour = row.whole("from_hour", 0, 23), row.whole("to_hour", 0, 24)
        price = row.number("price_per_kwh", at_least=-_MOST_PRICE, at_most=_MOST_PRICE)
        try:
            effective_from = date.fromisoformat(row.cells["effective_from"])
        except ValueError:
            row.fail("effective_from", f"{row.cells['effective_from']!r} is not a date; write 2026-01-31")
        assert from_hour is not None and to_hour is not None and price is not None  # noqa: PT018, S101 - text() above
        prices.append(
            TariffPrice(row.cells["tariff_category"], from_hour, to_hour, price, row.cells["currency"], effective_from)
        )
    return tuple(prices)


DOWNSTREAM_COLUMNS = ("meter_id", "from", "price_per_kwh", "currency", "until", "tenants")


def read_downstream_prices(path: Path, notes: list[str], aside: list[str] | None = None) -> tuple[DownstreamPrice, ...]:
    def declared(row: Row) -> DownstreamPrice:
        from_s, until_s = row.time("from"), row.optional_time("until")
        if until_s is not None and until_s <= from_s:
            row.fail("until", f"{iso(until_s)} is not after from {iso(from_s)}; leave it empty while the price holds")
        row.text("price_per_kwh")
        price = row.number("price_per_kwh", at_least=0, at_most=_MOST_PRICE)
        assert price is not None  # noqa: S101 - text() above
        tenants = row.whole("tenants", 1, 100_000)
        return DownstreamPrice(row.text("meter_id"), from_s, price, row.text("currency"), until_s, tenants)

    rows = read_rows(path, DOWNSTREAM_COLUMNS[:4], DOWNSTREAM_COLUMNS[4:], notes, aside)
    return tuple(_each(rows, declared, aside))


def read_events(path: Path, notes: list[str] | None = None, aside: list[str] | None = None) -> Iterator[MeterEvent]:
    def event(row: Row) -> MeterEvent:
        return MeterEvent(row.text("meter_id"), row.time("event_time"), row.text("code"))

    return _each(read_rows(path, ("meter_id", "event_time", "code"), (), notes, aside), event, aside)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A line of findings.csv; its area and its id follow from the archive."""

    meter_id: str
    found_at_s: int
    confirmed: bool
    abnormality: str | None
    found_by: str
    note: str


def read_findings(
    path: Path,
    notes: list[str] | None = None,
    aside: list[str] | None = None,
    known_meters: Collection[str] | None = None,
) -> Iterator[FindingRow]:
    """A finding of a kind that the catalogue does not know, or at a meter that is not among the `known_meters` where those are given,
    is wrong: it would teach nobody."""

    def finding(row: Row) -> FindingRow:
        if known_meters is not None and row.text("meter_id") not in known_meters:
            row.fail("meter_id", f"{row.text('meter_id')!r} is not in meters.csv")
        row.text("confirmed")
        confirmed, abnormality = bool(row.yes_or_no("confirmed")), row.optional_text("abnormality")
        if confirmed and abnormality is None:
            row.fail("abnormality", "empty, though confirmed; write the catalogue code of what was found")
        if abnormality is not None and abnormality not in CATALOGUE:
            near = get_close_matches(abnormality, CATALOGUE, 1)
            hint = f"; did you mean {near[0]}?" if near else "; its codes stand in docs/abnormalities.md"
            row.fail("abnormality", f"{abnormality!r} is not in the catalogue{hint}")
        return FindingRow(
            row.text("meter_id"),
            row.time("found_at"),
            confirmed,
            abnormality,
            row.cells.get("found_by", ""),
            row.cells.get("note", ""),
        )

    required, optional = ("meter_id", "found_at", "confirmed"), ("abnormality", "found_by", "note")
    return _each(read_rows(path, required, optional, notes, aside), finding, aside)


def read_truth(path: Path, notes: list[str] | None = None, aside: list[str] | None = None) -> Iterator[TruthCase]:
    def case(row: Row) -> TruthCase:
        start_s, end_s = row.time("start"), row.optional_time("end")
        if end_s is not None and end_s <= start_s:
            row.fail("end", f"{iso(end_s)} is not after the start {iso(start_s)}; leave it empty while the case lasts")
        return TruthCase(row.text("meter_id"), row.text("abnormality"), start_s, end_s)

    return _each(read_rows(path, ("meter_id", "abnormality", "start"), ("end",), notes, aside), case, aside)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file: None is an empty cell, booleans are true and false, numbers keep every digit they need."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _time(epoch_s: int | None) -> str | None:
    return None if epoch_s is None else iso(epoch_s)


def write_meters(path: Path, meters: Sequence[Meter]) -> None:
    """meters.csv with the required columns and every other that any meter has."""

    def cell(meter: Meter, column: str) -> object:
        if column in ("valid_from", "valid_to"):
            return _time(getattr(meter, f"{column}_s"))
        return getattr(meter, column)

    columns = [
        column
        for column in METER_COLUMNS
        if column in REQUIRED_METER_COLUMNS or any(cell(m, column) is not None for m in meters)
    ]
    write_rows(path, columns, ([cell(m, column) for column in columns] for m in meters))


def write_outages(path: Path, outages: Sequence[Outage]) -> None:
    rows = ((o.transformer_area, iso(o.start_s), iso(o.end_s), o.planned) for o in outages)
    write_rows(path, ("transformer_area", "start", "end", "planned"), rows)


def write_works(path: Path, works: Sequence[WorkOrder]) -> None:
    rows = ((w.meter_id, w.transformer_area, w.kind, iso(w.start_s), iso(w.end_s)) for w in works)
    write_rows(path, ("meter_id", "transformer_area", "kind", "start", "end"), rows)


def write_tariffs(path: Path, tariffs: Sequence[TariffPrice]) -> None:
    columns = ("tariff_category", "from_hour", "to_hour", "price_per_kwh", "currency", "effective_from")
    write_rows(path, columns, ([getattr(t, column) for column in columns] for t in tariffs))


def write_downstream_prices(path: Path, prices: Sequence[DownstreamPrice]) -> None:
    rows = ((p.meter_id, iso(p.from_s), p.price_per_kwh, p.currency, _time(p.until_s), p.tenants) for p in prices)
    write_rows(path, DOWNSTREAM_COLUMNS, rows)


def write_events(path: Path, events: Iterable[MeterEvent]) -> None:
    rows = ((e.meter_id, iso(e.event_time_s), e.code) for e in events)
    write_rows(path, ("meter_id", "event_time", "code"), rows)


def write_findings(path: Path, findings: Iterable[Finding]) -> None:
    rows = ((f.meter_id, iso(f.found_at_s), f.confirmed, f.abnormality, f.found_by, f.note) for f in findings)
    write_rows(path, ("meter_id", "found_at", "confirmed", "abnormality", "found_by", "note"), rows)


def write_truth(path: Path, cases: Iterable[TruthCase]) -> None:
    rows = ((c.meter_id, c.abnormality, iso(c.start_s), _time(c.end_s)) for c in cases)
    write_rows(path, ("meter_id", "abnormality", "start", "end"), rows)


CASE_COLUMNS = ("meter_id", "scenario", "abnormality", "start", "end", "severity", "hidden", "unmetered_kwh", "story")


def write_cases(path: Path, cases: Iterable[tuple[Case, float]]) -> None:
    """cases.csv: each case with its energy that no meter showed (kWh)."""
    rows = (
        (
            case.place.meter.meter_id,
            case.scenario,
            case.abnormality,
            iso(case.start_s),
            _time(case.end_s),
            round(case.severity, 3),
            case.hidden,
            unmetered_kwh,
            case.story,
        )
        for case, unmetered_kwh in cases
    )
    write_rows(path, CASE_COLUMNS, rows)


def write_life(path: Path, changes: Iterable[tuple[str, str, int, int | None]]) -> None:
    rows = ((meter_id, kind, iso(start_s), _time(end_s)) for meter_id, kind, start_s, end_s in changes)
    write_rows(path, ("meter_id", "kind", "start", "end"), rows)
