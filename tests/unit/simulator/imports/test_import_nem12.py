"""NEM12 files become feeds of market time and kWh; a file with a fault is refused by name, line and reason."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from metering.errors import FeedError
from metering.times import iso, parse_iso
from simulator.feeds.feed import Feed
from simulator.imports.import_nem12 import import_nem12
from simulator.imports.nem12_check import check_nem12

EXAMPLES = Path(__file__).parents[5] / "shared" / "data" / "nem12"
with_examples = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="the example files of the market are not beside this checkout"
)

HEADER = "100,NEM12,200505121107,MDP1,RETAIL1"
END = "900"


def channel(
    suffix: str, *, unit: str = "kWh", minutes: int = 30, nmi: str = "NMI0000001", configuration: str = ""
) -> str:
    return f"200,{nmi},{configuration or suffix},1,{suffix},N1,SERIAL1,{unit},{minutes},"


def day(values: Sequence[object], *, date: str = "20050401", flag: str = "A") -> str:
    return ",".join(["300", date, *map(str, values), flag, "", "", "20050402010101", ""])


def write(folder: Path, *records: str, name: str = "meter.csv") -> Path:
    path = folder / name
    path.write_text("\r\n".join(records) + "\r\n", encoding="utf-8", newline="")
    return path


def readings(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(folder / "readings.parquet").to_pylist()
    return rows


def column(folder: Path, name: str) -> list[object]:
    return [row[name] for row in readings(folder)]


def only_fault(*records: str) -> tuple[int, str]:
    (fault,) = check_nem12(records).faults
    return fault.line, fault.reason


def test_market_time_is_utc_plus_ten_all_year(tmp_path: Path) -> None:
    source = write(tmp_path, HEADER, channel("E1"), day(list(range(48)), date="20050115"), END)
    summary = import_nem12([source], tmp_path / "feed")
    assert summary.feeds == (tmp_path / "feed",)
    starts = [int(row["interval_start"].timestamp()) for row in readings(tmp_path / "feed")]  # type: ignore[attr-defined]
    assert iso(starts[0]) == "2005-01-14T14:00:00Z"
    assert starts == list(range(parse_iso("2005-01-14T14:00:00Z"), parse_iso("2005-01-15T14:00:00Z"), 1800))
    archive = Feed.open(tmp_path / "feed").archive
    assert archive.interval_minutes == 30
    assert archive.calendar.day_of(starts[0]) == archive.calendar.day_of(starts[-1])


@pytest.mark.parametrize(("unit", "kwh"), [("Wh", 0.25), ("KWH", 250.0), ("mwh", 250_000.0)])
def test_units_are_converted_to_kwh_whatever_their_case(tmp_path: Path, unit: str, kwh: float) -> None:
    source = write(tmp_path, HEADER, channel("E1", unit=unit), day([250] * 48), END)
    import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == pytest.approx([kwh] * 48)


def test_e_channels_are_summed_as_energy_and_b_channels_as_export(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        *(HEADER, channel("E1"), day([1] * 48), channel("E2", unit="Wh"), day([500] * 48)),
        *(channel("B1"), day([0.25] * 48), channel("B2"), day([0.5] * 48), END),
    )
    summary = import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [1.5] * 48
    assert column(tmp_path / "feed", "export_kwh") == [0.75] * 48
    (meter,) = Feed.open(tmp_path / "feed").archive.meters
    assert meter.meter_id == "NMI0000001"
    assert meter.has_generation is True
    assert summary.notes == ()


def test_channels_that_are_not_energy_are_named_with_their_kind(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        *(HEADER, channel("E1"), day([1] * 48), channel("K1", unit="kVArh"), day([2] * 48)),
        *(channel("V1", unit="", minutes=1440), day([230]), END),
    )
    summary = import_nem12([source], tmp_path / "feed")
    assert summary.skipped_channels == ("NMI0000001 K1: reactive energy (kVArh)", "NMI0000001 V1: volts (no unit)")
    assert column(tmp_path / "feed", "energy_kwh") == [1.0] * 48


def test_null_data_is_missing_and_substituted_values_are_kept(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        *(HEADER, channel("E1"), day([7] * 48, flag="V"), "400,1,20,A,,", "400,21,40,S14,32,", "400,41,48,N,,"),
        *(day([""] * 48, date="20050402"), day([3] * 48, date="20050403", flag="N"), END),
    )
    import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [7.0] * 40 + [None] * (8 + 48 + 48)


def test_a_sum_with_an_unknown_part_is_unknown(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        *(HEADER, channel("E1"), day([1] * 48), channel("E2"), day([2] * 48, flag="V")),
        *("400,1,47,A,,", "400,48,48,N,,", END),
    )
    import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [3.0] * 47 + [None]


def test_a_day_that_lacks_a_declared_channel_is_missing_not_smaller(tmp_path: Path) -> None:
    declared = "E1E2"
    source = write(
        tmp_path,
        *(HEADER, channel("E1", configuration=declared), day([1] * 48), day([1] * 48, date="20050402")),
        *(channel("E2", configuration=declared), day([2] * 48), END),
    )
    summary = import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [3.0] * 48 + [None] * 48
    (note,) = summary.notes
    assert "NMI0000001 E2" in note
    assert "energy_kwh is missing there" in note


def test_a_declared_channel_that_no_file_holds_is_only_noted(tmp_path: Path) -> None:
    source = write(tmp_path, HEADER, channel("E1", configuration="E1E2"), day([1] * 48), END)
    summary = import_nem12([source], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [1.0] * 48
    assert summary.notes == (
        "NMI0000001 E2: declared by its configuration, but without values on 1 day(s); it is not in energy_kwh",
    )


def test_several_interval_lengths_make_one_feed_each(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        *(HEADER, channel("E1", minutes=15), day([1] * 96), channel("E1"), day([2] * 48, date="20050402"), END),
    )
    summary = import_nem12([source], tmp_path / "feeds")
    assert summary.feeds == (tmp_path / "feeds" / "interval-15", tmp_path / "feeds" / "interval-30")
    assert [Feed.open(f).archive.interval_minutes for f in summary.feeds] == [15, 30]
    assert [len(readings(f)) for f in summary.feeds] == [96, 48]


def test_readings_are_ordered_by_time_across_meters(tmp_path: Path) -> None:
    one = write(tmp_path, HEADER, channel("E1", nmi="NMI2"), day([1] * 48), END, name="one.csv")
    two = write(tmp_path, HEADER, channel("E1", nmi="NMI1"), day([2] * 48), END, name="two.csv")
    import_nem12([one, two], tmp_path / "feed")
    rows = [(row["interval_start"], row["meter_id"]) for row in readings(tmp_path / "feed")]
    assert len(rows) == 96
    assert rows == sorted(rows)


def test_the_file_written_last_replaces_a_day_whatever_the_order_given(tmp_path: Path) -> None:
    newer = write(tmp_path, "100,NEM12,200505130000,MDP1,RETAIL1", channel("E1"), day([2] * 48), END, name="newer.csv")
    older = write(tmp_path, HEADER, channel("E1"), day([1] * 48), END, name="older.csv")
    summary = import_nem12([newer, older], tmp_path / "feed")
    assert column(tmp_path / "feed", "energy_kwh") == [2.0] * 48
    (note,) = summary.notes
    assert "stand more than once" in note


def test_every_member_of_a_zipped_file_is_read(tmp_path: Path) -> None:
    packed = tmp_path / "market.ZIP"
    with zipfile.ZipFile(packed, "w") as archive:
        for nmi in ("NMI1", "NMI2"):
            archive.writestr(f"{nmi}.csv", "\r\n".join([HEADER, channel("E1", nmi=nmi), day([1] * 48), END]))
        archive.writestr("broken.csv", "\n".join([HEADER, END]))
    summary = import_nem12([packed], tmp_path / "feed")
    assert [m.meter_id for m in Feed.open(tmp_path / "feed").archive.meters] == ["NMI1", "NMI2"]
    assert summary.refused == (f"{packed}/broken.csv:1: no interval data: the file has no 200 record",)


def test_valid_files_are_imported_beside_a_refused_one(tmp_path: Path) -> None:
    good = write(tmp_path, HEADER, channel("E1"), day([1] * 48), END, name="good.csv")
    bad = write(tmp_path, HEADER, channel("E1"), day([1] * 47), END, name="bad.csv")
    summary = import_nem12([bad, good, tmp_path / "absent.csv"], tmp_path / "feed")
    assert len(readings(tmp_path / "feed")) == 48
    assert summary.refused == (
        f"{bad}:3: 47 values, but 30-minute intervals make 48 a day",
        f"{tmp_path / 'absent.csv'}: no such file; give the NEM12 files themselves",
    )
    feed, *refused = summary.text().splitlines()
    assert feed == f"feed: {tmp_path / 'feed'}"
    assert refused == [f"refused: {fault}" for fault in summary.refused]


def test_no_feed_and_every_fault_where_all_files_are_refused(tmp_path: Path) -> None:
    bad = write(tmp_path, channel("E1"), day([1] * 48), name="bad.csv")
    with pytest.raises(FeedError) as refusal:
        import_nem12([bad], tmp_path / "feed")
    assert str(refusal.value).splitlines() == [
        "no file could be imported:",
        f"{bad}:1: the file must begin with a 100 (header) record, not with '200'",
        f"{bad}:2: the file breaks off: no 900 (end) record",
    ]
    assert not (tmp_path / "feed").exists()


def test_register_readings_and_files_without_energy_are_noted_not_refused(tmp_path: Path) -> None:
    registers = write(tmp_path, HEADER.replace("NEM12", "NEM13"), "250,anything", END, name="registers.csv")
    reactive = write(tmp_path, HEADER, channel("Q1", unit="kVArh"), day([1] * 48), END, name="reactive.csv")
    summary = import_nem12([registers, reactive], tmp_path / "feed")
    assert summary.feeds == ()
    assert summary.refused == ()
    assert f"{registers}: NEM13 holds accumulated register readings, not intervals; skipped" in summary.notes
    assert "no energy channel (E or B) in any of the files: no feed was written" in summary.notes


def test_text_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    source = tmp_path / "latin.csv"
    source.write_bytes(HEADER.encode() + b"\n200,caf\xe9\n")
    with pytest.raises(FeedError, match=r"latin\.csv:2: not text in UTF-8"):
        import_nem12([source], tmp_path / "feed")


GOOD = (HEADER, channel("E1"), day([1] * 48), END)


@pytest.mark.parametrize(
    ("records", "line", "reason"),
    [
        ((), 1, "the file is empty"),
        ((HEADER, END), 1, "no 200 record"),
        (GOOD[1:], 1, "must begin with a 100 (header) record"),
        (GOOD[:-1], 3, "no 900 (end) record"),
        ((*GOOD, channel("E1"), day([1] * 48)), 5, "after the 900 (end) record of line 4"),
        ((HEADER, HEADER, *GOOD[1:]), 2, "a second 100 (header) record"),
        ((HEADER.replace("NEM12", "NEM99"), *GOOD[1:]), 1, "version 'NEM99'"),
        ((HEADER.replace("200505121107", "2005-05-12"), *GOOD[1:]), 1, "'2005-05-12' is not yyyymmddhhmm"),
        ((HEADER, channel("E1", minutes=7), day([1] * 48), END), 2, "interval length '7'"),
        ((HEADER, channel("E1", unit="kVArh"), day([1] * 48), END), 2, "channel E1 counts in 'kVArh'"),
        ((HEADER, channel("E"), day([1] * 48), END), 2, "channel suffix 'E'"),
        ((HEADER, channel("E1"), channel("E2"), day([1] * 48), END), 2, "a 200 record without any 300 record"),
        ((HEADER, "200,NMI1,E1", day([1] * 48), END), 2, "has 3 fields, at least 9"),
        ((HEADER, channel("E1"), day([1] * 96), END), 3, "96 values, but 30-minute intervals make 48"),
        ((HEADER, channel("E1", minutes=15), day([1] * 48), END), 3, "48 values, but 15-minute intervals make 96"),
        ((HEADER, channel("E1"), day([1] * 48, date="20050230"), END), 3, "date '20050230' is not a day"),
        ((HEADER, channel("E1"), day([1] * 47 + ["1,5"]), END), 3, "49 values"),
        ((HEADER, channel("E1"), day([1] * 47 + ["x"]), END), 3, "value 48 is 'x'"),
        ((HEADER, channel("E1"), day([-1] + [1] * 47), END), 3, "value 1 is '-1'"),
        ((HEADER, channel("E1"), day(["nan"] + [1] * 47), END), 3, "value 1 is 'nan'"),
        ((HEADER, channel("E1"), day([1] * 48, flag=""), END), 3, "no quality flag"),
        ((HEADER, channel("E1"), day([1] * 48).replace("20050402010101", "yesterday"), END), 3, "time 'yesterday'"),
        ((HEADER, channel("E1"), ",".join(["300", "20050401", *["1"] * 48, "A"]), END), 3, "1 fields after the values"),
        ((HEADER, channel("E1"), day([1] * 48, flag="V"), END), 3, "explain intervals up to 0 of 48"),
        ((*GOOD[:3], "400,1,49,A,,", END), 4, "beyond the 48 of a day"),
        ((*GOOD[:3], "400,5,4,A,,", END), 4, "not a range counted from 1"),
        ((*GOOD[:3], "400,0,4,A,,", END), 4, "not a range counted from 1"),
        ((*GOOD[:3], "400,3,48,A,,", END), 4, "do not continue after interval 0"),
        ((*GOOD[:3], "400,1,48,V,,", END), 4, "quality flag 'V' of a 400 record"),
        ((HEADER, channel("E1"), "400,1,48,A,,", day([1] * 48), END), 3, "follows no 300 record"),
        ((*GOOD[:3], "500,O,S1", END), 4, "has 3 fields, 5 are needed"),
        ((*GOOD[:3], "700,what", END), 4, "unknown record '700'"),
        ((HEADER, day([1] * 48), *GOOD[1:]), 2, "before any 200 record"),
    ],
)
def test_each_fault_of_the_records_is_found_on_its_line(records: tuple[str, ...], line: int, reason: str) -> None:
    found_line, found_reason = only_fault(*records)
    assert reason in found_reason
    assert found_line == line


def test_blank_lines_and_all_optional_fields_are_no_fault() -> None:
    visit = "500,O,S01009,20050310121004,001123.5"
    assert check_nem12(["", *GOOD[:3], "400,1,48,E52,1,why", visit, "", END, ""]).faults == ()


@with_examples
def test_every_market_file_is_imported(tmp_path: Path) -> None:
    files = [*sorted((EXAMPLES / "market").iterdir()), EXAMPLES / "Example_different_intervals.zip"]
    summary = import_nem12(files, tmp_path / "feeds")
    assert summary.refused == ()
    assert [f.name for f in summary.feeds] == ["interval-15", "interval-30"]
    mixed = [row for row in readings(summary.feeds[1]) if row["meter_id"] == "C123"]
    assert len(mixed) == 48
    # E1 + E2 of its first half hour; its 10-minute channel is volts
    assert mixed[0]["energy_kwh"] == 9.0
    assert "C123 V1: volts (no unit)" in summary.skipped_channels
    for folder in summary.feeds:
        assert all(math.isfinite(float(str(kwh))) for kwh in column(folder, "energy_kwh") if kwh is not None)


@with_examples
def test_every_invalid_file_is_refused_by_name_and_line(tmp_path: Path) -> None:
    files = sorted((EXAMPLES / "invalid").iterdir())
    assert len(files) == 9
    for path in files:
        with pytest.raises(FeedError, match=rf"{path.name}:\d+: "):
            import_nem12([path], tmp_path / "feed")
