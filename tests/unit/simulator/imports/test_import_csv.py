"""`import csv`: other people's CSV files become a feed, in order of time, and every fault is named by file and line."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metering.errors import FeedError
from metering.messages import ArrivedFrame
from metering.times import iso, parse_iso
from simulator.feeds.feed import Feed
from simulator.feeds.publication import publication
from simulator.imports.import_csv import CsvImport, columns_of, import_csv, mapping_of

HOW = CsvImport(columns={"id": "meter_id", "when": "interval_start", "kWh": "energy_kwh"}, interval_minutes=30)


def source(folder: Path, text: str, name: str = "source.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows_of(folder: Path) -> list[tuple[str, str, float]]:
    return [
        (iso(int(time_s)), batch.meter_names[code], float(energy))
        for batch in Feed.open(folder).readings()
        for time_s, code, energy in zip(batch.times_s, batch.meter_codes, batch.columns["energy_kwh"], strict=True)
    ]


def test_a_sorted_source_keeps_its_order(tmp_path: Path) -> None:
    path = source(
        tmp_path, "id,when,kWh,other\nB,2026-01-01T00:00,1.5,x\nA,2026-01-01T00:00,2,\nB,2026-01-01 00:30:00Z,,\n"
    )
    done = import_csv(path, tmp_path / "feed", HOW)
    assert str(done) == (
        "3 rows of 2 meters from 2026-01-01T00:00:00Z to 2026-01-01T00:30:00Z; 1 without an energy, 0 off the grid of intervals"
    )
    assert str(rows_of(tmp_path / "feed")) == str(
        [
            ("2026-01-01T00:00:00Z", "B", 1.5),
            ("2026-01-01T00:00:00Z", "A", 2.0),
            ("2026-01-01T00:30:00Z", "B", float("nan")),
        ]
    )
    archive = Feed.open(tmp_path / "feed").archive
    assert [(m.meter_id, m.service_point, m.customer_id, m.transformer_area, m.role) for m in archive.meters] == [
        ("B", "B", "B", "A1", "customer"),
        ("A", "A", "A", "A1", "customer"),
    ]
    assert (archive.name, archive.interval_minutes, archive.timezone) == ("feed", 30, "UTC")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed", "source.csv"]


def test_a_source_sorted_by_meter_is_sorted_by_time(tmp_path: Path) -> None:
    lines = [f"{m},{iso(1_767_225_600 + 1800 * k)},{k % 7}.25" for m in ("A", "B", "C") for k in range(35_000)]
    done = import_csv(source(tmp_path, "\n".join(["id,when,kWh", *lines])), tmp_path / "feed", HOW)
    assert (done.was_sorted, done.readings, done.meters) == (False, 105_000, 3)
    seen = rows_of(tmp_path / "feed")
    assert seen == sorted(seen)
    frames = [
        sent.message for sent in publication(Feed.open(tmp_path / "feed")) if isinstance(sent.message, ArrivedFrame)
    ]
    assert {frame.meter_ids for frame in frames} == {("A", "B", "C")}
    assert sum(frame.reading_count for frame in frames) == 105_000


def test_several_sources_become_one_feed(tmp_path: Path) -> None:
    late = source(tmp_path, "id,when,kWh\nA,2026-02-01,1\n", "late.csv")
    early = tmp_path / "early.csv.gz"
    early.write_bytes(gzip.compress(b"\xef\xbb\xbfkWh;when;id\r\n2;2026-01-01;A\r\n"))
    import_csv([late, early], tmp_path / "feed", HOW)
    assert rows_of(tmp_path / "feed") == [("2026-01-01T00:00:00Z", "A", 2.0), ("2026-02-01T00:00:00Z", "A", 1.0)]


@pytest.mark.parametrize(("unit", "kwh"), [("kWh", 3.0), ("Wh", 0.003), ("MWh", 3000.0), ("kW", 1.5), ("W", 0.0015)])
def test_units_become_kwh(tmp_path: Path, unit: Any, kwh: float) -> None:
    import_csv(
        source(tmp_path, "id,when,kWh,V\nA,2026-01-01,3,230\n"),
        tmp_path / "feed",
        replace(HOW, unit=unit, columns={**HOW.columns, "V": "voltage_v"}),
    )
    (batch,) = Feed.open(tmp_path / "feed").readings()
    assert batch.columns["energy_kwh"].tolist() == pytest.approx([kwh])
    assert batch.columns["voltage_v"].tolist() == [230.0]


def test_a_time_may_be_the_end_local_and_of_its_own_format(tmp_path: Path) -> None:
    how = CsvImport(
        columns={"id": "meter_id", "until": "interval_end", "kW": "energy_kwh"},
        interval_minutes=15,
        timezone="Asia/Shanghai",
        time_format="%d.%m.%Y %H:%M",
        decimal=",",
        unit="kW",
    )
    import_csv(source(tmp_path, "id;until;kW\nA;01.01.2026 00:15;4,4\n"), tmp_path / "feed", how)
    ((time, meter, energy),) = rows_of(tmp_path / "feed")
    assert (time, meter) == ("2025-12-31T16:00:00Z", "A")
    assert energy == pytest.approx(1.1)


def test_the_hour_that_comes_twice_is_told_apart_by_order_and_the_missing_one_is_refused(tmp_path: Path) -> None:
    how = replace(HOW, timezone="Europe/Berlin", interval_minutes=60)
    times = ["2026-10-25 01:00", "2026-10-25 02:00", "2026-10-25 02:00", "2026-10-25 03:00"]
    text = "id,when,kWh\n" + "".join(f"{m},{t},1\n" for m in ("A", "B") for t in times)
    import_csv(source(tmp_path, text), tmp_path / "feed", how)
    starts = [time for time, meter, _ in rows_of(tmp_path / "feed") if meter == "B"]
    assert starts == [f"2026-10-{day}:00:00Z" for day in ("24T23", "25T00", "25T01", "25T02")]
    with pytest.raises(FeedError, match=r"line 2, column when: '2026-03-29 02:30' does not exist in Europe/Berlin"):
        import_csv(source(tmp_path, "id,when,kWh\nA,2026-03-29 02:30,1\n"), tmp_path / "other", how)


def test_times_farther_apart_than_the_interval_are_refused_with_the_interval_they_are(tmp_path: Path) -> None:
    days = "".join(f"A,2026-01-{day:02d}T00:00,5\n" for day in range(1, 9))
    with pytest.raises(FeedError, match=r"1440 minutes apart.*no readings of 30 minutes.*--interval-minutes 1440"):
        import_csv(source(tmp_path, "id,when,kWh\n" + days), tmp_path / "feed", HOW)
    done = import_csv(tmp_path / "source.csv", tmp_path / "feed", replace(HOW, interval_minutes=1440))
    assert str(done).startswith("8 rows of 1 meters")


def test_daily_intervals_may_be_given_by_their_end(tmp_path: Path) -> None:
    how = replace(
        HOW,
        columns={"id": "meter_id", "when": "interval_end", "kWh": "energy_kwh"},
        timezone="Europe/Berlin",
        interval_minutes=1440,
    )
    import_csv(source(tmp_path, "id,when,kWh\nA,2026-03-29,1\nA,2026-03-30,2\n"), tmp_path / "feed", how)
    starts = [parse_iso(time) for time, _, _ in rows_of(tmp_path / "feed")]
    assert starts == [parse_iso("2026-03-28T00:00:00+01:00"), parse_iso("2026-03-29T00:00:00+01:00")]


def test_columns_of_the_archive_come_from_the_first_line_of_a_meter(tmp_path: Path) -> None:
    how = replace(HOW, columns={**HOW.columns, "zone": "transformer_area", "kind": "role", "max": "contracted_kw"})
    text = "id,when,kWh,zone,kind,max\nS,2026-01-01,5,T7,supply,\nA,2026-01-01,1,T7,,6.5\nA,2026-01-02,1,T7,,6.5\n"
    import_csv(source(tmp_path, text), tmp_path / "feed", how)
    supply, customer = Feed.open(tmp_path / "feed").archive.meters
    assert (supply.role, supply.transformer_area, supply.contracted_kw) == ("supply", "T7", None)
    assert (customer.role, customer.transformer_area, customer.contracted_kw) == ("customer", "T7", 6.5)
    with pytest.raises(FeedError, match=r"line 5: meter A changes \(transformer_area 'T7' -> 'T8'\)"):
        import_csv(source(tmp_path, text + "A,2026-01-03,1,T8,,6.5\n"), tmp_path / "other", how)
    with pytest.raises(FeedError, match=r"source.csv, line 2, column role: 'boss' is not known"):
        import_csv(source(tmp_path, text.replace("supply", "boss")), tmp_path / "other", how)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "source.csv: empty"),
        ("id,when,kWh\n", "source.csv: no reading"),
        ("id,time,kWh\nA,2026-01-01,1\n", "line 1: no column when; found id, time, kWh"),
        ("id,when,kWh\nA,2026-01-01,1\nA,New Year,1\n", "line 3, column when: 'New Year' is not an ISO 8601 time"),
        ("id,when,kWh\n\nA,2026-01-01,lots\n", "line 3, column kWh: 'lots' is not a number"),
        ("id,when,kWh\nA,2026-01-01,inf\n", "line 2, column kWh: 'inf' is not a finite number"),
        ('id,when,kWh\nA,2026-01-01,"1,5"\n', r"line 2, column kWh: '1,5' is not a number; say decimal = ','"),
        ("id,when,kWh\nA,2026-01-01\n", "line 2: 2 values under 3 columns"),
        ("id,when,kWh\n,2026-01-01,1\n", "line 2, column meter_id: empty"),
        ("id,when,kWh\nA,2026-01-01T00:07,1\n", "1 of 1 times are no start of a 30-minute interval in UTC"),
    ],
)
def test_what_cannot_be_read_is_named_and_no_feed_is_left(tmp_path: Path, text: str, message: str) -> None:
    path = source(tmp_path, text)
    with pytest.raises(FeedError, match=message):
        import_csv(path, tmp_path / "feed", HOW)
    assert [left.name for left in tmp_path.iterdir()] == ["source.csv"]


def test_words_for_missing_are_missing_readings(tmp_path: Path) -> None:
    words = ["", "NA", "n/a", "Null", "NaN", "-", " "]
    text = "id,when,kWh\n" + "".join(f"M{i},2026-01-01,{word}\n" for i, word in enumerate(words))
    assert import_csv(source(tmp_path, text), tmp_path / "feed", HOW).missing == len(words)
    (batch,) = Feed.open(tmp_path / "feed").readings()
    assert np.isnan(batch.columns["energy_kwh"]).all()
    assert batch.faults == {}


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"nothing.csv: cannot be read"):
        import_csv(tmp_path / "nothing.csv", tmp_path / "feed", HOW)
    (tmp_path / "latin.csv").write_bytes(b"id,when,kWh\nM\xfcller,2026-01-01,1\n")
    with pytest.raises(FeedError, match=r"latin.csv: not UTF-8 text"):
        import_csv(tmp_path / "latin.csv", tmp_path / "feed", HOW)


def test_an_existing_feed_is_kept(tmp_path: Path) -> None:
    path = source(tmp_path, "id,when,kWh\nA,2026-01-01,1\n")
    import_csv(path, tmp_path / "feed", HOW)
    with pytest.raises(FeedError, match="holds a feed already"):
        import_csv(path, tmp_path / "feed", HOW)
    import_csv(path, tmp_path / "feed", HOW, overwrite=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["kwh"], "write THEIRS=ours"),
        (["=energy_kwh"], "write THEIRS=ours"),
        (["a=meter_id", "a=role"], "mapped twice"),
    ],
)
def test_a_mapping_entry_is_theirs_equals_ours(entries: list[str], message: str) -> None:
    with pytest.raises(FeedError, match=message):
        columns_of(entries)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {"a": "meter_id", "b": "interval_start", "c": "kwh"}}, "kwh is none of our columns"),
        ({"columns": {"a": "meter_id", "b": "interval_start"}}, "no column becomes energy_kwh"),
        ({"columns": {"a": "meter_id", "c": "energy_kwh"}}, "say which column is the time"),
        ({"columns": {**HOW.columns, "d": "energy_kwh"}}, "energy_kwh is given to two columns"),
        ({"unit": "J"}, "unit 'J' is not known"),
        ({"decimal": "'"}, "give a point or a comma"),
        ({"delimiter": ";;"}, "give one character"),
        ({"interval_minutes": 7}, "does not divide a day"),
        ({"timezone": "Mars/Base"}, "timezone 'Mars/Base' is not known"),
    ],
)
def test_a_wrong_way_to_read_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FeedError, match=message):
        replace(HOW, **change)


def test_a_mapping_file_holds_the_same_words(tmp_path: Path) -> None:
    path = source(
        tmp_path,
        'interval_minutes = 30\nunit = "Wh"\n[columns]\nid = "meter_id"\nwhen = "interval_start"\nkWh = "energy_kwh"\n',
        "mapping.toml",
    )
    mapping = mapping_of(["kWh=export_kwh", "net=energy_kwh"], path)
    assert CsvImport(**mapping) == replace(
        HOW, unit="Wh", columns={**HOW.columns, "kWh": "export_kwh", "net": "energy_kwh"}
    )
    import_csv(source(tmp_path, "id,when,kWh\nA,2026-01-01,7\n"), tmp_path / "feed", mapping_of([], path), unit="kW")
    assert rows_of(tmp_path / "feed") == [("2026-01-01T00:00:00Z", "A", 0.007)]  # the file goes first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intervall = 30", "mapping.toml: unknown key intervall"),
        ("unit = 3", "unit = 3 is not text"),
        ("interval_minutes = '30'", "interval_minutes = '30' is not a whole number"),
        ("[columns]\nid = 3", "columns must be a table"),
        ("columns = 3", "columns must be a table"),
        ("columns = ", "mapping.toml: "),
    ],
)
def test_a_wrong_mapping_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        mapping_of([], source(tmp_path, text, "mapping.toml"))


def test_arguments_complete_the_mapping(tmp_path: Path) -> None:
    path = source(tmp_path, "id,when,kW\nA,2026-01-01 08:00,2\n")
    mapping = mapping_of(["id=meter_id", "when=interval_start", "kW=energy_kwh"])
    import_csv(path, tmp_path / "feed", mapping, interval_minutes=30, timezone="Asia/Shanghai", unit="kW")
    assert rows_of(tmp_path / "feed") == [("2026-01-01T00:00:00Z", "A", 1.0)]
    with pytest.raises(FeedError, match="interval_minutes is missing"):
        import_csv(path, tmp_path / "other", mapping)
