"""The feed folder: what is written is read again, the same input gives the same bytes, and every fault is named."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metering.archive import Archive, DownstreamPrice, Meter, Outage, TariffPrice, WorkOrder
from metering.errors import FeedError
from metering.messages import Finding, MeterEvent
from metering.readings import READING_COLUMNS, SetAside
from metering.truth import TruthCase
from simulator.feeds.feed import UNKNOWN_AREA, UNREADABLE_TIME, Feed, FeedWriter, ReadingsFormat, switched_off

T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
FORMATS: tuple[ReadingsFormat, ...] = ("parquet", "csv", "csv.gz")

ARCHIVE = Archive(
    name='Dorf "Nord"',
    interval_minutes=15,
    timezone="Asia/Shanghai",
    licence="ODbL",
    holidays=frozenset({date(2026, 1, 1), date(2026, 2, 17)}),
    meters=(
        Meter("S-1", "sub-1", "", "A1", "supply", rated_kva=400.0),
        Meter(
            "M,1",
            "sp-1",
            "c-1",
            "A1",
            "customer",
            customer_class="residential",
            tariff_category="home",
            contracted_kw=8.5,
            phases=1,
            rated_current_a=60.0,
            ct_ratio=1.0,
            has_generation=False,
            latitude=31.2,
            longitude=121.5,
            feeder="F1",
            segment="s2",
            phase="b",
            cable_rated_a=100.0,
            valid_to_s=T0 + 7200,
        ),
        Meter("M,1", "sp-1", "c-1", "A2", "customer", valid_from_s=T0 + 7200),
        Meter("M-2", "sp-2", "c-2", "A2", "customer"),
    ),
    outages=(Outage("A1", T0, T0 + 900, planned=True),),
    works=(
        WorkOrder("meter exchange", T0, T0 + 3600, meter_id="M-2"),
        WorkOrder("cable", T0, T0 + 60, transformer_area="A1"),
    ),
    tariffs=(TariffPrice("home", 22, 6, 0.31, "CNY", date(2026, 1, 1)),),
    downstream_prices=(
        DownstreamPrice("M-2", T0, 0.55, "CNY", T0 + 900, 3),
        DownstreamPrice("M-2", T0 + 900, 0.62, "CNY"),
    ),
)
EVENTS = [MeterEvent("M-2", T0 + 61, "cover_open"), MeterEvent("M,1", T0 + 30, "power_off")]
TRUTH = [TruthCase("M-2", "bypass", T0, None), TruthCase("M,1", "tapping", T0 + 900, T0 + 1800)]


def write(folder: Path, readings_format: ReadingsFormat = "parquet", intervals: int = 3) -> Path:
    with FeedWriter(folder, ARCHIVE, readings_format=readings_format) as writer:
        for step in range(intervals):
            writer.write_interval(
                T0 + 900 * step,
                ["M,1", "S-1", "M-2"],
                {"voltage_v": np.array([np.nan, 231.5, 229.0]), "energy_kwh": np.array([1 / 3, 4.0, np.nan])},
            )
        writer.write_events(EVENTS)
        writer.write_truth(TRUTH)
        writer.write_findings([Finding("", "A2", "M-2", T0 + 50, True, "bypass", "Li", "seal, cut")])
    return folder


@pytest.mark.parametrize("readings_format", FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, readings_format: ReadingsFormat) -> None:
    feed = Feed.open(write(tmp_path / "feed", readings_format))
    assert feed.archive == ARCHIVE
    assert list(feed.events()) == EVENTS
    assert feed.truth() == TRUTH
    (finding,) = feed.findings()
    assert (finding.transformer_area, finding.meter_id, finding.found_at_s) == ("A2", "M-2", T0 + 50)
    assert (finding.confirmed, finding.abnormality, finding.found_by, finding.note) == (
        True,
        "bypass",
        "Li",
        "seal, cut",
    )
    assert feed.reading_columns == ("energy_kwh", "voltage_v")
    (batch,) = feed.readings()
    assert batch.times_s.tolist() == [T0 + 900 * step for step in range(3) for _ in range(3)]
    assert [batch.meter_names[code] for code in batch.meter_codes] == ["M,1", "S-1", "M-2"] * 3
    np.testing.assert_array_equal(batch.columns["energy_kwh"], [1 / 3, 4.0, np.nan] * 3)
    np.testing.assert_array_equal(batch.columns["voltage_v"], [np.nan, 231.5, 229.0] * 3)
    assert batch.faults == {}


@pytest.mark.parametrize("readings_format", FORMATS)
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, readings_format: ReadingsFormat) -> None:
    one, two = (write(tmp_path / name, readings_format) for name in ("one", "two"))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_a_feed_is_not_overwritten_unless_told_and_other_files_stay(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", "csv")
    (folder / "notes.txt").write_text("keep me")
    with pytest.raises(FeedError, match="holds a feed already"), FeedWriter(folder, ARCHIVE):
        pass
    with FeedWriter(folder, ARCHIVE, overwrite=True) as writer:
        writer.write_interval(T0, ["M-2"], {"energy_kwh": np.array([1.0])})
    assert sorted(path.name for path in folder.iterdir()) == [
        "downstream_prices.csv",
        "feed.toml",
        "meters.csv",
        "notes.txt",
        "outages.csv",
        "readings.parquet",
        "tariffs.csv",
        "works.csv",
    ]
    assert sum(map(len, Feed.open(folder).readings())) == 1


def test_an_unfinished_feed_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="no column power"), FeedWriter(tmp_path / "feed", ARCHIVE) as writer:
        writer.write_interval(T0, ["M-2"], {"power": np.array([1.0])})
    assert list(tmp_path.iterdir()) == []


def test_a_long_feed_is_written_in_bounded_row_groups(tmp_path: Path) -> None:
    meter_ids = [f"M{i}" for i in range(1000)]
    archive = replace(ARCHIVE, meters=tuple(Meter(m, m, m, "A", "customer") for m in meter_ids), _by_area={})
    with FeedWriter(tmp_path / "feed", archive) as writer:
        for step in range(300):
            writer.write_interval(T0 + 900 * step, meter_ids, {"energy_kwh": np.full(1000, step / 7)})
    metadata = pq.read_metadata(tmp_path / "feed" / "readings.parquet")
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    assert sum(rows) == 300_000
    assert all(100_000 <= count <= 200_000 for count in rows[:-1])
    assert max(map(len, Feed.open(tmp_path / "feed").readings())) <= 200_000


def test_reading_a_long_feed_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    meter_ids = [f"M{i}" for i in range(1000)]
    archive = replace(ARCHIVE, meters=tuple(Meter(m, m, m, "A", "customer") for m in meter_ids), _by_area={})
    noise = np.random.default_rng(1)
    with FeedWriter(tmp_path / "feed", archive) as writer:
        for step in range(1200):
            writer.write_interval(T0 + 900 * step, meter_ids, {"energy_kwh": noise.random(1000)})
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in Feed.open(tmp_path / "feed").readings()]
    assert len(held) >= 9
    assert max(held) < (tmp_path / "feed" / "readings.parquet").stat().st_size


def test_the_writer_refuses_columns_it_cannot_store(tmp_path: Path) -> None:
    with FeedWriter(tmp_path / "feed", ARCHIVE) as writer:
        with pytest.raises(FeedError, match="no column power"):
            writer.write_interval(T0, ["M-2"], {"energy_kwh": np.array([1.0]), "power": np.array([1.0])})
        writer.write_interval(T0, ["M-2"], {"energy_kwh": np.array([1.0])})
        with pytest.raises(FeedError, match="voltage_v comes after the first readings"):
            writer.write_interval(T0, ["M-2"], {"energy_kwh": np.array([1.0]), "voltage_v": np.array([1.0])})
        with pytest.raises(FeedError, match="shape"):
            writer.write_interval(T0, ["M-2", "M,1"], {"energy_kwh": np.array([1.0])})
        with pytest.raises(FeedError, match="infinity"):
            writer.write_interval(T0, ["M-2"], {"energy_kwh": np.array([np.inf])})


@pytest.mark.parametrize("readings_format", FORMATS)
def test_the_readings_of_one_area_are_those_of_its_meters(tmp_path: Path, readings_format: ReadingsFormat) -> None:
    feed = Feed.open(write(tmp_path / "feed", readings_format))
    batches = list(feed.readings("A1"))
    assert [b.meter_names[code] for b in batches for code in b.meter_codes] == ["M,1", "S-1"] * 3
    with pytest.raises(FeedError, match=r"no area 'A9' in meters\.csv; it knows A1, A2"):
        feed.readings("A9")


def test_an_unknown_meter_belongs_to_the_unknown_area(tmp_path: Path) -> None:
    feed = Feed.open(write(tmp_path / "feed"))
    assert feed.area_of("M,1", T0) == "A1"
    assert feed.area_of("M,1", T0 + 7200) == "A2"
    assert feed.area_of("nobody", T0) == UNKNOWN_AREA


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return apply


def put(name: str, content: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_text(content)

    return apply


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


MALFORMED: list[tuple[str, Callable[[Path], None], str]] = [
    ("no toml", remove("feed.toml"), r"feed\.toml is missing"),
    ("toml syntax", put("feed.toml", "name = "), r"feed\.toml: "),
    ("toml key", put("feed.toml", "interval_minutes = 15\ntimezone = 'UTC'\nintervall = 1"), "unknown key intervall"),
    ("toml missing", put("feed.toml", "timezone = 'UTC'"), "interval_minutes is missing"),
    ("toml type", edit("feed.toml", "interval_minutes = 15", "interval_minutes = '15'"), "is not a whole number"),
    ("toml interval", edit("feed.toml", "interval_minutes = 15", "interval_minutes = 7"), "does not divide a day"),
    ("toml zero", edit("feed.toml", "interval_minutes = 15", "interval_minutes = 0"), "does not divide a day"),
    ("timezone", edit("feed.toml", "Asia/Shanghai", "Asia/Nowhere"), "Asia/Nowhere.*write an IANA name"),
    ("timezone folder", edit("feed.toml", "Asia/Shanghai", "Asia"), "write an IANA name"),
    ("timezone empty", edit("feed.toml", "Asia/Shanghai", ""), "write an IANA name"),
    ("country", put("feed.toml", "interval_minutes=15\ntimezone='UTC'\ncalendar='XX'"), "'XX' is no country"),
    ("holiday", put("feed.toml", "interval_minutes=15\ntimezone='UTC'\ncalendar=['soon']"), "'soon' is not a date"),
    ("no meters", remove("meters.csv"), r"meters\.csv is missing"),
    ("empty meters", put("meters.csv", ""), r"meters\.csv: empty file"),
    (
        "column",
        edit("meters.csv", "transformer_area", "area"),
        r"meters\.csv, line 1: column transformer_area is missing",
    ),
    ("column twice", edit("meters.csv", "feeder", "segment"), "line 1: column segment stands twice"),
    (
        "role",
        edit("meters.csv", "supply", "suply"),
        "line 2, column role: 'suply' is not known; write customer or supply",
    ),
    ("class", edit("meters.csv", "residential", "domestic"), "line 3, column customer_class: 'domestic' is not known"),
    ("number", edit("meters.csv", "8.5", "8;5"), "line 3, column contracted_kw: '8;5' is not a number"),
    ("nan", edit("meters.csv", "8.5", "nan"), "line 3, column contracted_kw: nan is not possible"),
    (
        "huge",
        edit("meters.csv", "8.5", "1e300"),
        "contracted_kw: .* is not possible; give a finite number above 0 up to 2,000,000",
    ),
    (
        "far north",
        edit("meters.csv", "31.2", "131.2"),
        "column latitude: 131.2 is not possible; give a finite number from -90 up to 90",
    ),
    (
        "semicolons",
        put("readings.csv", "interval_start;meter_id;energy_kwh\n"),
        "its fields are separated by ';': use ','",
    ),
    ("tabs", put("meters.csv", "meter_id\tservice_point\n"), "its fields are separated by tabs: use ','"),
    ("negative", edit("meters.csv", "8.5", "-8.5"), "line 3, column contracted_kw: -8.5 is not possible"),
    ("time", edit("meters.csv", "2026-01-01T02:00:00Z", "tomorrow"), "column valid_to: 'tomorrow' is not a time"),
    ("cells", edit("meters.csv", "M-2,sp-2", "M-2,sp-2,"), r"meters\.csv, line 5: 22 values under 21 columns"),
    ("no id", edit("meters.csv", "M-2,", ","), "line 5, column meter_id: empty"),
    ("no readings", remove("readings.csv"), "no readings; put one of readings.parquet"),
    ("two readings", put("readings.parquet", ""), "both readings.parquet and readings.csv; keep one"),
    ("empty readings", put("readings.csv", ""), r"readings\.csv: empty"),
    ("readings column", put("readings.csv", "interval_start,meter_id,kwh\n"), "column energy_kwh is missing; found"),
    ("hour", edit("tariffs.csv", "22", "25"), "line 2, column from_hour: 25 is not from 0 to 23"),
    ("price", edit("tariffs.csv", "0.31", "cheap"), "column price_per_kwh: 'cheap' is not a number"),
    ("quotes", put("truth.csv", 'meter_id,abnormality,start\n"M-2,x\n'), r"truth\.csv, line 2: .*check the quotes"),
]


@pytest.mark.parametrize(("spoil", "message"), [pytest.param(s, m, id=name) for name, s, m in MALFORMED])
def test_what_is_malformed_is_named(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    folder = write(tmp_path / "feed", "csv")
    spoil(folder)
    with pytest.raises(FeedError, match=message):
        Feed.open(folder)


SET_ASIDE: list[tuple[str, Callable[[Path], None], str]] = [
    ("outage", edit("outages.csv", "2026-01-01T00:15:00Z", "2025-01-01T00:15:00Z"), "column end: .* is not after"),
    ("planned", edit("outages.csv", "true", "perhaps"), "line 2, column planned: 'perhaps' is neither true nor false"),
    ("work", edit("works.csv", "M-2,", ","), "line 2, column meter_id: empty, and so is transformer_area"),
    ("event", edit("events.csv", "2026-01-01T00:01:01Z", "01/01/26"), "line 2, column event_time: '01/01/26' is not"),
    ("finding", edit("findings.csv", "bypass", ""), "line 2, column abnormality: empty, though confirmed"),
    (
        "a kind nobody knows",
        edit("findings.csv", "bypass", "bypas"),
        "'bypas' is not in the catalogue; did you mean bypass?",
    ),
    ("a meter nobody knows", edit("findings.csv", "M-2", "M-9"), "line 2, column meter_id: 'M-9' is not in meters.csv"),
    ("truth", edit("truth.csv", "2026-01-01T00:30:00Z", "2026-01-01T00:00:00Z"), "line 3, column end: .* is not after"),
    ("no downstream price", edit("downstream_prices.csv", "0.55", ""), "line 2, column price_per_kwh: empty; give a"),
    ("downstream price", edit("downstream_prices.csv", "0.55", "-1"), "column price_per_kwh: -1 is not possible"),
    (
        "until",
        edit("downstream_prices.csv", "2026-01-01T00:15:00Z,3", "2025-01-01T00:00:00Z,3"),
        "line 2, column until: 2025-01-01T00:00:00Z is not after from",
    ),
    ("tenants", edit("downstream_prices.csv", ",3", ",0"), "line 2, column tenants: 0 is not from 1 to 100000"),
    ("cells", edit("events.csv", ",cover_open", ",cover_open,twice"), "line 2: 4 values under 3 columns"),
]


@pytest.mark.parametrize(("spoil", "message"), [pytest.param(s, m, id=name) for name, s, m in SET_ASIDE])
def test_one_bad_row_is_set_aside_and_nothing_else(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    folder = write(tmp_path / "feed", "csv")

    def kept() -> list[int]:
        of = Feed.open(folder)
        rows = [len(of.archive.outages), len(of.archive.works), len(list(of.events())), len(of.findings())]
        return [*rows, len(of.archive.downstream_prices), sum(map(len, of.readings()))]

    before = kept()
    assert Feed.open(folder).set_aside == {}
    spoil(folder)
    feed = Feed.open(folder)
    ((name, (told,)),) = feed.set_aside.items()
    assert told.startswith(f"{folder / name}, line ")
    assert re.search(message, told)
    lost = [a - b for a, b in zip(before, kept(), strict=True)]
    assert sum(lost) == (0 if name == "truth.csv" else 1)
    if name == "truth.csv":
        with pytest.raises(FeedError, match=message):
            feed.truth()


def test_a_feed_without_a_reading_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", "csv")
    Feed.open(folder).require_readings()
    header = (folder / "readings.csv").read_text().splitlines()[0]
    (folder / "readings.csv").write_text(header + "\n")
    with pytest.raises(FeedError, match=r"readings\.csv has columns but no readings"):
        Feed.open(folder).require_readings()


def test_a_table_of_another_name_is_named_and_ignored(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", "csv")
    assert not any("not known" in note for note in Feed.open(folder).notes())
    (folder / "interruptions.csv").write_text("transformer_area,start,end,planned\n")
    (told,) = (note for note in Feed.open(folder).notes() if "not known" in note)
    assert told.startswith("interruptions.csv is not known and is ignored")


def test_a_copy_of_a_feed_is_the_same_feed_and_one_more_reading_another(tmp_path: Path) -> None:
    same, longer = write(tmp_path / "a", "csv"), write(tmp_path / "b", "csv", intervals=4)
    shutil.copytree(same, tmp_path / "copy")
    assert Feed.open(same).identity == Feed.open(tmp_path / "copy").identity != Feed.open(longer).identity


def test_a_meter_that_stands_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    with (folder / "meters.csv").open("a") as meters:
        meters.write("M-2,sp-2,c-2,A1,customer" + "," * 16 + "\n")
    with pytest.raises(FeedError, match="line 6, column meter_id: M-2 stands in line 5 already"):
        Feed.open(folder)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    (folder / "truth.csv").write_bytes(b"meter_id,abnormality,start\n\xff\xfe,x,y\n")
    with pytest.raises(FeedError, match=r"truth\.csv: not UTF-8 text"):
        Feed.open(folder)


def test_a_damaged_readings_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", "parquet")
    whole = (folder / "readings.parquet").read_bytes()
    (folder / "readings.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FeedError, match=r"readings\.parquet: cannot be read as parquet"):
        Feed.open(folder)
    folder = write(tmp_path / "zipped", "csv.gz", intervals=200)
    whole = (folder / "readings.csv.gz").read_bytes()
    (folder / "readings.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(FeedError, match="cannot be read to its end"):
        list(Feed.open(folder).readings())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="is not a folder"):
        Feed.open(tmp_path / "nothing")


def test_byte_order_marks_windows_lines_quotes_and_extra_columns_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    folder.mkdir()
    (folder / "feed.toml").write_bytes(b"\xef\xbb\xbfinterval_minutes = 30\r\ntimezone = 'Europe/Berlin'\r\n")
    (folder / "meters.csv").write_bytes(
        b"\xef\xbb\xbfmeter_id,service_point,customer_id,transformer_area,role,colour\r\n"
        b'"M ""1""", "sp,1",c,A,customer,red\r\n\r\nS,s,,A,supply,\r\n'.replace(b', "sp,1"', b',"sp,1"')
    )
    (folder / "readings.csv").write_bytes(
        b"\xef\xbb\xbfmeter_id,energy_kwh,interval_start,smell\r\n"
        b'"M ""1""",1.5,2026-01-01T01:00:00+01:00,\r\nS,"2.5",2026-01-01 00:00,\r\n'
    )
    feed = Feed.open(folder)
    assert feed.archive.name == "feed"
    assert [m.meter_id for m in feed.archive.meters] == ['M "1"', "S"]
    (batch,) = feed.readings()
    assert batch.times_s.tolist() == [T0, T0]
    assert batch.columns["energy_kwh"].tolist() == [1.5, 2.5]
    notes = "\n".join(feed.notes())
    for wanted in ("'colour' is not known", "'smell' is not known", "no calendar", "tariffs.csv is missing: money"):
        assert wanted in notes


def test_notes_say_what_is_switched_off(tmp_path: Path) -> None:
    notes = "\n".join(Feed.open(write(tmp_path / "feed")).notes())
    assert "1 areas lack a supply meter: no energy balance there (A2)" in notes
    assert "no current_a" in notes
    for there in ("voltage_v", "tariffs.csv", "events.csv", "contracted_kw"):
        assert there not in notes


def test_every_column_that_is_missed_is_named_with_what_it_switches_off() -> None:
    meter = Meter("M", "P", "C", "A", "customer")
    supply = Meter("S", "PS", "grid", "A", "supply")
    daily = Archive("bare", 1440, "UTC", (meter, supply))
    notes = switched_off(daily, ("energy_kwh",))
    for name in (
        "voltage_v", "current_a", "power_factor", "neutral_current_a", "register_kwh", "export_kwh", "temperature_c",
        "customer_class", "contracted_kw", "rated_current_a", "phases", "has_generation", "segment", "rated_kva", "latitude",
    ):  # fmt: skip
        (note,) = [n for n in notes if re.search(rf"no .*\b{name}\b", n)]
        assert len(note.split(": ")[-1]) > 10, "what it switches off"
    assert any("interval_minutes = 1440" in note for note in notes)
    full = Archive("full", 60, "UTC", (replace(meter, customer_class="residential"), replace(supply, rated_kva=100.0)))
    told = "\n".join(switched_off(full, READING_COLUMNS))
    for name in ("register_kwh", "customer_class", "rated_kva", "interval_minutes"):
        assert name not in told


def test_notes_count_declared_prices_of_unknown_meters(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    edit("downstream_prices.csv", "M-2", "nobody")(folder)
    wanted = "downstream_prices.csv: 1 rows are about meters that meters.csv does not name"
    assert wanted in Feed.open(folder).notes()


def test_notes_count_reports_about_unknown_meters(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    edit("events.csv", "M-2", "nobody")(folder)
    assert "events.csv: 1 rows are about meters that meters.csv does not name" in Feed.open(folder).notes()


@pytest.mark.parametrize(("calendar", "day"), [("CN", date(2026, 10, 1)), ("DE-BY", date(2026, 1, 6))])
def test_a_country_gives_its_holidays(tmp_path: Path, calendar: str, day: date) -> None:
    folder = write(tmp_path / "feed")
    (folder / "feed.toml").write_text(f"interval_minutes = 15\ntimezone = 'UTC'\ncalendar = '{calendar}'\n")
    assert day in Feed.open(folder).archive.holidays


JUNK = """interval_start,meter_id,energy_kwh,voltage_v
2026-01-01T00:00:00Z,M-2,1.5,230
soon,M-2,1.5,230
2026-01-01T00:00:00Z,M-2,NaN,230
2026-01-01T00:00:00Z,M-2,-inf,230
2026-01-01T00:00:00Z,M-2,1e999,230
2026-01-01T00:00:00Z,M-2,1.5,lots
2026-01-01T00:00:00Z,M-2,"1,5",230
2026-01-01T00:00:00Z,M-2,1_5,230
2026-01-01T00:00:00Z,M-2,,230
2026-01-01T00:00:00Z,M-2
2026-01-01T00:00:00Z,M-2,1.5,230,9

2026-01-01T00:00:00Z,M-2,+2.5 ,230
,M-2,3.5,230
9999-12-31T00:00:00Z,M-2,3.5,230
"""


@pytest.mark.parametrize("readings_format", ["csv", "csv.gz"])
@pytest.mark.parametrize("block_bytes", [40, 1 << 20])
def test_bad_rows_of_a_csv_travel_on_with_their_reason(
    tmp_path: Path, readings_format: ReadingsFormat, block_bytes: int
) -> None:
    folder = write(tmp_path / "feed", readings_format)
    if readings_format == "csv":
        (folder / "readings.csv").write_text(JUNK)
    else:
        (folder / "readings.csv.gz").write_bytes(gzip.compress(JUNK.encode()))
    file = replace(Feed.open(folder).readings_file, csv_block_bytes=block_bytes)
    faults: dict[int, str] = {}
    raw: dict[int, dict[str, str]] = {}
    energy: list[float] = []
    times: list[int] = []
    for batch in file.batches():
        faults |= {len(energy) + row: fault.value for row, fault in batch.faults.items()}
        raw |= {len(energy) + row: dict(texts) for row, texts in batch.raw.items()}
        energy += batch.columns["energy_kwh"].tolist()
        times += batch.times_s.tolist()
    nan = np.nan
    np.testing.assert_array_equal(energy, [1.5, 1.5, nan, nan, nan, 1.5, nan, nan, nan, nan, nan, 2.5, 3.5, 3.5])
    assert [row for row, time in enumerate(times) if time == UNREADABLE_TIME] == [1, 12, 13]
    not_a_number, wrong_type = SetAside.NOT_A_NUMBER.value, SetAside.TYPE.value
    assert faults == {2: not_a_number, 3: not_a_number, 4: not_a_number} | dict.fromkeys(
        (1, 5, 6, 7, 9, 10, 12, 13), wrong_type
    )
    assert raw[1] == {"interval_start": "soon"}
    assert raw[3] == {"energy_kwh": "-inf"}
    assert raw[5] == {"voltage_v": "lots"}
    assert raw[9] == {"energy_kwh": "2026-01-01T00:00:00Z,M-2"}


def test_bytes_that_are_no_text_spoil_only_their_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed", "csv")
    lines = [b"interval_start,meter_id,energy_kwh", b"2026-01-01,M-2,1", b"2026-01-01,M-2,\xff", b'2026-01-01,M-2,"3']
    (folder / "readings.csv").write_bytes(b"\n".join([*lines, b"2026-01-01,M-2,4"]))
    batch, last = Feed.open(folder).readings()  # the last line has no end
    assert batch.faults == {1: SetAside.TYPE}
    np.testing.assert_array_equal(batch.columns["energy_kwh"], [1, np.nan, 3])
    assert last.columns["energy_kwh"].tolist() == [4]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([T0, None], pa.timestamp("s", "UTC")),
        pa.array([T0 * 1000, None], pa.timestamp("ms")),
        pa.array([T0 * 10**9, None], pa.timestamp("ns", "Asia/Shanghai")),
        pa.array(["2026-01-01T08:00:00+08:00", None], pa.string()),
    ],
)
@pytest.mark.parametrize(
    "energy", [pa.array([1, 2], pa.int32()), pa.array([1, 2], pa.float32()), pa.array(["1.0", "2e0"], pa.string())]
)
def test_parquet_of_other_makers_is_read(tmp_path: Path, times: pa.Array, energy: pa.Array) -> None:
    folder = write(tmp_path / "feed")
    pq.write_table(
        pa.table({"meter_id": ["M-2", None], "interval_start": times, "energy_kwh": energy}),
        folder / "readings.parquet",
    )
    (batch,) = Feed.open(folder).readings()
    assert batch.times_s.tolist() == [T0, UNREADABLE_TIME]
    assert batch.columns["energy_kwh"].tolist() == [1.0, 2.0]
    assert [batch.meter_names[code] for code in batch.meter_codes] == ["M-2", ""]
    assert batch.faults == {1: SetAside.TYPE}


def test_null_is_missing_and_nan_is_not_a_number_in_parquet(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    energy = pa.array([None, float("nan"), float("-inf"), 1.0], from_pandas=False)
    moments = [datetime.fromtimestamp(T0, UTC)] * 4
    pq.write_table(
        pa.table({"meter_id": ["M-2"] * 4, "interval_start": moments, "energy_kwh": energy}),
        folder / "readings.parquet",
    )
    (batch,) = Feed.open(folder).readings()
    assert batch.faults == {1: SetAside.NOT_A_NUMBER, 2: SetAside.NOT_A_NUMBER}
    assert batch.raw == {1: {"energy_kwh": "nan"}, 2: {"energy_kwh": "-inf"}}
    np.testing.assert_array_equal(batch.columns["energy_kwh"], [np.nan, np.nan, np.nan, 1.0])


def test_parquet_columns_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "feed")
    pq.write_table(
        pa.table({"meter_id": ["M-2"], "interval_start": [T0], "energy_kwh": [1.0]}), folder / "readings.parquet"
    )
    with pytest.raises(FeedError, match="column interval_start: of type int64; store a timestamp in UTC"):
        Feed.open(folder)


def readings_of(folder: Path, step_minutes: int, kwh: float) -> Feed:
    """A feed of 15 minutes whose readings are what is asked for."""
    write(folder)
    for old in folder.glob("readings.*"):
        old.unlink()
    lines = [
        f"{meter},{datetime.fromtimestamp(T0 + 60 * step_minutes * k, UTC).isoformat()},{kwh}"
        for k in range(12)
        for meter in ("S-1", "M-2")
    ]
    (folder / "readings.csv").write_text("meter_id,interval_start,energy_kwh\n" + "\n".join(lines) + "\n")
    return Feed.open(folder)


def test_notes_doubt_an_interval_and_a_unit_that_the_readings_gainsay(tmp_path: Path) -> None:
    fitting = "\n".join(readings_of(tmp_path / "fitting", 15, 0.4).notes())
    assert "apart" not in fitting
    assert "kWh of the interval" not in fitting
    hourly = "\n".join(readings_of(tmp_path / "hourly", 60, 0.4).notes())
    assert "they lie 60 min apart, where feed.toml says interval_minutes = 15: write 60" in hourly
    watt_hours = "\n".join(readings_of(tmp_path / "wh", 15, 400.0).notes())
    assert "50% of the first ones are more energy than their meter can carry" in watt_hours
