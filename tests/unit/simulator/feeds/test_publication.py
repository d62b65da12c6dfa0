"""The order in which a feed goes onto the log: nothing lost, nothing doubled, and no bad time moves the clock."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.archive import Archive, Meter
from metering.errors import FeedError
from metering.messages import ArrivedFrame, Finding, MeterEvent, MeterEvents, Tick
from metering.readings import SetAside
from metering.times import iso
from simulator.feeds.feed import Feed, FeedWriter
from simulator.feeds.publication import Sent, publication

T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
STEP = 900
Row = tuple[object, str, object]
"""(interval start in seconds or text, meter, energy)"""


def archive_of(areas: int = 2, meters: int = 3, interval_minutes: int = 15, timezone: str = "UTC") -> Archive:
    return Archive(
        "test",
        interval_minutes,
        timezone,
        tuple(
            Meter(f"A{a}-{m}", f"sp-{a}-{m}", "c", f"A{a}", "supply" if m == 0 else "customer")
            for a in range(1, areas + 1)
            for m in range(meters)
        ),
    )


def feed_of(folder: Path, rows: Iterable[Row], archive: Archive | None = None) -> Feed:
    """A feed with these readings, as CSV so that anything can stand in it."""
    with FeedWriter(folder, archive or archive_of(), readings_format="csv", overwrite=True):
        pass
    with (folder / "readings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["interval_start", "meter_id", "energy_kwh"])
        for start, meter, energy in rows:
            writer.writerow([iso(start) if isinstance(start, int) else start, meter, energy])
    return Feed.open(folder)


def clean_rows(intervals: Iterable[int], archive: Archive | None = None) -> list[Row]:
    meters = (archive or archive_of()).meters
    return [(T0 + STEP * k, m.meter_id, round(k + i / 100, 4)) for k in intervals for i, m in enumerate(meters)]


def after_the_start(sent: Iterable[Sent]) -> list[Sent]:
    """All but the first tick, which says where the clock stands (it has a test of its own)."""
    first, *others = sent
    if isinstance(first.message, Tick) and not first.message.final:
        return others
    return [first, *others]


def told(sent: Iterable[Sent]) -> list[object]:
    """Messages in short: a tick as its time in intervals, a frame as (area, interval, readings)."""
    short: list[object] = []
    for one in after_the_start(sent):
        match one.message:
            case Tick(time_s, final):
                assert one.transformer_area is None
                short.append(("final", (time_s - T0) / STEP) if final else (time_s - T0) / STEP)
            case ArrivedFrame() as frame:
                assert one.transformer_area == frame.transformer_area
                meters = " ".join(meter.removeprefix(f"{frame.transformer_area}-") for meter in frame.meter_ids)
                short.append(f"{frame.transformer_area} {(frame.interval_start_s - T0) / STEP:g}: {meters}")
            case MeterEvents(area, events):
                assert one.transformer_area == area
                short.append((area, *(event.code for event in events)))
            case Finding() as finding:
                assert one.transformer_area == finding.transformer_area
                short.append((finding.meter_id, finding.found_at_s - T0))
    return short


def frames(sent: Iterable[Sent]) -> list[ArrivedFrame]:
    return [one.message for one in sent if isinstance(one.message, ArrivedFrame)]


def tick_times(sent: Iterable[Sent]) -> list[int]:
    return [one.message.time_s for one in after_the_start(sent) if isinstance(one.message, Tick)]


def test_the_first_tick_says_where_the_clock_stands_before_any_frame(tmp_path: Path) -> None:
    sent = list(publication(feed_of(tmp_path, clean_rows(range(2)))))
    assert sent[0].message == Tick(T0)
    assert sent[0].transformer_area is None


def test_frames_of_an_interval_go_first_then_its_tick(tmp_path: Path) -> None:
    sent = list(publication(feed_of(tmp_path, clean_rows(range(2)))))
    assert told(sent) == [
        *["A1 0: 0 1 2", "A2 0: 0 1 2", 1],
        *["A1 1: 0 1 2", "A2 1: 0 1 2", 2],
        ("final", 2),
    ]
    first = frames(sent)[0]
    assert (first.interval_minutes, first.reading_count, dict(first.faults)) == (15, 3, {})
    assert first.columns["energy_kwh"].tolist() == [0.0, 0.01, 0.02]
    assert [one.event_time_s for one in sent] == sorted(one.event_time_s for one in sent)


def test_areas_come_in_the_order_of_their_first_reading_and_rows_may_be_mixed(tmp_path: Path) -> None:
    rows: list[Row] = [(T0, meter, 1) for meter in ("A2-1", "A1-0", "A2-0", "A1-2")]
    sent = list(publication(feed_of(tmp_path, rows)))
    assert told(sent) == ["A2 0: 1 0", "A1 0: 0 2", 1, ("final", 1)]


def test_without_final_the_feed_may_go_on(tmp_path: Path) -> None:
    assert told(publication(feed_of(tmp_path, clean_rows(range(1))), final=False))[-1] == 1


def test_a_gap_sends_a_tick_per_interval(tmp_path: Path) -> None:
    ticks = tick_times(publication(feed_of(tmp_path, clean_rows([0, 1, 5, 6]))))
    assert ticks == [T0 + STEP * k for k in (1, 2, 3, 4, 5, 6, 7, 7)]


def test_a_gap_of_more_than_fourteen_days_is_one_step(tmp_path: Path) -> None:
    far = 15 * 96
    ticks = tick_times(publication(feed_of(tmp_path, clean_rows([0, 1, far]))))
    assert ticks == [T0 + STEP * k for k in (1, 2, far, far + 1, far + 1)]


def test_daily_intervals_tick_at_local_midnights_over_the_change_of_clocks(tmp_path: Path) -> None:
    archive = archive_of(interval_minutes=1440, timezone="Europe/Berlin")
    midnights = ("2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
    rows: list[Row] = [(day, m.meter_id, 5) for day in midnights for m in archive.meters]
    ticks = tick_times(publication(feed_of(tmp_path, rows, archive)))
    assert list(map(iso, ticks)) == [*midnights[1:], "2026-03-30T22:00:00Z", "2026-03-30T22:00:00Z"]


def test_older_rows_become_frames_of_their_own_where_they_arrive(tmp_path: Path) -> None:
    rows = clean_rows(range(4))
    late = [row for row in rows if row[0] == T0 and row[1] in ("A1-2", "A2-2")]
    rows = [row for row in rows if row not in late]
    rows[16:16] = late
    assert told(publication(feed_of(tmp_path, rows))) == [
        *["A1 0: 0 1", "A2 0: 0 1", 1],
        *["A1 1: 0 1 2", "A2 1: 0 1 2", 2],
        *["A1 0: 2", "A2 0: 2"],
        *["A1 2: 0 1 2", "A2 2: 0 1 2", 3],
        *["A1 3: 0 1 2", "A2 3: 0 1 2", 4],
        ("final", 4),
    ]


def test_the_second_reading_of_a_meter_starts_a_new_frame(tmp_path: Path) -> None:
    rows: list[Row] = [(T0, m, e) for m, e in [("A1-0", 1), ("A1-1", 1), ("A2-0", 1), ("A1-1", 2), ("A1-2", 1)]]
    rows.append((T0, "A1-1", 3))
    sent = list(publication(feed_of(tmp_path, rows)))
    assert told(sent) == ["A1 0: 0 1", "A2 0: 0", "A1 0: 1 2", "A1 0: 1", 1, ("final", 1)]
    assert [f.columns["energy_kwh"].tolist() for f in frames(sent)] == [[1, 1], [1], [2, 1], [3]]


@pytest.mark.parametrize("where", [0, 1, 7, 150, 599])
@pytest.mark.parametrize(
    "poison",
    [T0 + 90 * 86_400, T0 + 400 * 365 * 86_400, T0 + 3 * STEP + 60, T0 + 150 * STEP + 1, "2031-01-01", T0 - 2 * 86_400],
)
def test_a_poisoned_time_does_not_move_the_clock(tmp_path: Path, where: int, poison: object) -> None:
    rows = clean_rows(range(100))
    undisturbed = tick_times(publication(feed_of(tmp_path / "clean", rows)))
    rows[where] = (poison, rows[where][1], 1.0)
    sent = list(publication(feed_of(tmp_path / "poisoned", rows)))
    assert tick_times(sent) == undisturbed
    assert sum(frame.reading_count for frame in frames(sent)) == len(rows)


def test_a_meter_whose_clock_runs_ahead_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    archive = archive_of(areas=4, meters=20)
    rows = clean_rows(range(30), archive)
    ahead = [(int(str(t)) + STEP, m, e) if m == "A1-7" else (t, m, e) for t, m, e in rows]
    sent = list(publication(feed_of(tmp_path, ahead, archive)))
    assert tick_times(sent) == [T0 + STEP * k for k in (*range(1, 31), 30)]
    sizes = {
        ("A1-7" in frame.meter_ids, len(frame.meter_ids)) for frame in frames(sent) if frame.transformer_area == "A1"
    }
    assert sizes == {(True, 1), (False, 19)}


def test_at_the_change_of_interval_rows_may_be_mixed(tmp_path: Path) -> None:
    archive = archive_of(areas=1, meters=100)
    rows = clean_rows(range(6), archive)
    for change in range(100, 600, 100):
        rows[change - 20 : change + 20] = rows[change - 20 : change + 20][::2] + rows[change - 20 : change + 20][1::2]
    sent = list(publication(feed_of(tmp_path, rows, archive)))
    assert tick_times(sent) == [T0 + STEP * k for k in (*range(1, 7), 6)]
    counted = Counter((m, f.interval_start_s) for f in frames(sent) for m in f.meter_ids)
    assert counted == Counter((row[1], row[0]) for row in rows)


def test_a_single_meter_is_followed_through_gaps(tmp_path: Path) -> None:
    archive = archive_of(areas=1, meters=1)
    starts = [*range(40), *range(50, 90), *range(300, 340)]
    sent = list(publication(feed_of(tmp_path, clean_rows(starts, archive), archive)))
    assert tick_times(sent) == [T0 + STEP * k for k in (*range(1, 341), 340)]
    clock = T0
    for one in sent:
        if isinstance(one.message, Tick):
            clock = one.message.time_s
        elif isinstance(one.message, ArrivedFrame):
            assert one.message.interval_start_s == clock  # never ahead of its tick, never behind


def test_a_time_that_cannot_be_read_travels_in_the_current_interval(tmp_path: Path) -> None:
    rows = clean_rows(range(2))
    rows[7] = ("half past nine", "A1-1", 1.25)
    sent = list(publication(feed_of(tmp_path, rows)))
    assert told(sent)[3] == "A1 1: 0 1 2"
    frame = frames(sent)[2]
    assert dict(frame.faults) == {1: SetAside.TYPE}
    assert {row: dict(raw) for row, raw in frame.raw.items()} == {1: {"interval_start": "half past nine"}}
    assert frame.reading_count == 3


def test_a_feed_without_any_believable_time_is_sent_all_the_same(tmp_path: Path) -> None:
    rows: list[Row] = [("never", "A1-1", 1), (T0 + 7, "A1-2", 2), (T0 + 8, "A2-2", "")]
    sent = list(publication(feed_of(tmp_path, rows)))
    assert sum(frame.reading_count for frame in frames(sent)) == 2
    assert [meter for frame in frames(sent) for meter in frame.meter_ids] == ["A1-2", "A2-2", "A1-1"]
    assert [one.message for one in sent if isinstance(one.message, Tick)] == [Tick(0, final=True)]


def test_a_feed_without_readings_ends_at_once(tmp_path: Path) -> None:
    assert [one.message for one in publication(feed_of(tmp_path, []))] == [Tick(0, final=True)]


def test_missing_energies_travel_but_are_not_counted_and_faults_are(tmp_path: Path) -> None:
    rows: list[Row] = [(T0, "A1-0", ""), (T0, "A1-1", "NaN"), (T0, "A1-2", "junk"), (T0, "A2-0", "-1")]
    one, two = frames(publication(feed_of(tmp_path, rows)))
    assert (one.meter_ids, one.reading_count) == (("A1-0", "A1-1", "A1-2"), 2)
    assert dict(one.faults) == {1: SetAside.NOT_A_NUMBER, 2: SetAside.TYPE}
    assert {row: dict(raw) for row, raw in one.raw.items()} == {1: {"energy_kwh": "NaN"}, 2: {"energy_kwh": "junk"}}
    assert np.isnan(one.columns["energy_kwh"]).all()
    assert two.columns["energy_kwh"].tolist() == [-1]


def test_faults_stay_with_their_row_when_areas_are_mixed(tmp_path: Path) -> None:
    rows: list[Row] = [(T0, "A2-0", "a"), (T0, "A1-0", "1"), (T0, "A2-1", "2"), (T0, "A1-1", "inf"), (T0, "A2-2", "c")]
    two, one = frames(publication(feed_of(tmp_path, rows)))
    assert {row: raw["energy_kwh"] for row, raw in two.raw.items()} == {0: "a", 2: "c"}
    assert {row: raw["energy_kwh"] for row, raw in one.raw.items()} == {1: "inf"}


def test_unknown_meters_share_the_unknown_area(tmp_path: Path) -> None:
    rows: list[Row] = [(T0, "A1-0", 1), (T0, "stranger", 1), (T0, "", 1)]
    assert [(f.transformer_area, f.meter_ids) for f in frames(publication(feed_of(tmp_path, rows)))] == [
        ("A1", ("A1-0",)),
        ("?", ("stranger", "")),
    ]


def test_a_meter_that_moves_reports_in_its_new_area(tmp_path: Path) -> None:
    moves_s = T0 + 2 * STEP
    archive = replace(
        archive_of(),
        meters=(
            *archive_of().meters,
            Meter("roamer", "sp", "c", "A1", "customer", valid_to_s=moves_s),
            Meter("roamer", "sp", "c", "A2", "customer", valid_from_s=moves_s),
        ),
        _by_area={},
    )
    rows = [row for k in range(4) for row in [*clean_rows([k]), (T0 + STEP * k, "roamer", 1)]]
    rows[-1] = ("junk", "roamer", 1)
    found = [
        f.transformer_area for f in frames(publication(feed_of(tmp_path, rows, archive))) if "roamer" in f.meter_ids
    ]
    assert found == ["A1", "A1", "A2", "A2"]


def reports(folder: Path) -> Feed:
    archive = archive_of()
    found = [("A2-1", 2 * STEP), ("A1-1", STEP), ("A1-2", STEP), ("A1-1", 99 * STEP), ("nobody", 10)]
    with FeedWriter(folder, archive) as writer:
        for k in range(3):
            writer.write_interval(T0 + STEP * k, [m.meter_id for m in archive.meters], {"energy_kwh": np.ones(6)})
        writer.write_findings([Finding("", "", meter, T0 + at, False, None) for meter, at in found])
        writer.write_events(
            [
                MeterEvent("A2-1", T0 + 2 * STEP + 1, "third"),
                MeterEvent("A1-1", T0 + STEP, "at the tick"),
                MeterEvent("A2-2", T0 + 5, "early"),
                MeterEvent("A1-2", T0 + 4, "earlier"),
                MeterEvent("A1-1", T0 + 50 * STEP, "beyond"),
                MeterEvent("nobody", T0 - 5, "stray"),
            ]
        )
    return Feed.open(folder)


def test_events_then_findings_come_just_before_the_first_tick_that_reaches_them(tmp_path: Path) -> None:
    feed = reports(tmp_path / "feed")
    assert "'nobody' is not in meters.csv" in feed.set_aside["findings.csv"][0]
    at_first_tick = sorted((f for f in feed.findings() if f.found_at_s == T0 + STEP), key=lambda f: f.finding_id)
    assert [entry for entry in told(publication(feed)) if not (isinstance(entry, str))] == [
        *[("?", "stray"), ("A1", "earlier", "at the tick"), ("A2", "early")],
        *[*((f.meter_id, STEP) for f in at_first_tick), 1],
        *[("A2-1", 2 * STEP), 2],
        *[("A2", "third"), 3],
        *[("A1", "beyond"), ("A1-1", 99 * STEP), ("final", 3)],
    ]


@pytest.mark.parametrize("area", ["A1", "A2"])
def test_one_area_alone_sees_what_it_sees_among_all(tmp_path: Path, area: str) -> None:
    feed = reports(tmp_path / "feed")
    among_all = [one for one in publication(feed) if one.transformer_area in (None, area)]
    alone = list(publication(feed, only_area=area))
    assert told(alone) == told(among_all)
    assert [one.event_time_s for one in alone] == [one.event_time_s for one in among_all]


def test_an_unknown_area_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="no area 'A7'"):
        publication(feed_of(tmp_path, clean_rows([0])), only_area="A7")


def test_publication_is_lazy(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, clean_rows(range(200)))
    messages = publication(replace(feed, readings_file=replace(feed.readings_file, csv_block_bytes=4096)))
    next(messages)
    (tmp_path / "readings.csv").write_bytes((tmp_path / "readings.csv").read_bytes()[:8192])
    assert len(tick_times(messages)) < 200  # what was not read yet is gone


def outcome(sent: Sequence[Sent]) -> list[object]:
    return [
        (one.transformer_area, one.event_time_s, *told([one]))
        + (
            (
                one.message.meter_ids,
                [str(value) for value in one.message.columns["energy_kwh"]],
                dict(one.message.faults),
                {row: dict(raw) for row, raw in one.message.raw.items()},
                one.message.reading_count,
            )
            if isinstance(one.message, ArrivedFrame)
            else ()
        )
        for one in sent
    ]


starts = st.one_of(
    st.integers(0, 12).map(lambda k: T0 + STEP * k),
    st.sampled_from([T0 + 10**9, T0 - 3 * 86_400, T0 + 77, "junk", "", "2026-01-01 00:15"]),
)
energies = st.sampled_from(["1.5", "0", "", "NaN", "-inf", "-3", "junk", "1e9"])
any_rows = st.lists(
    st.tuples(starts, st.sampled_from(["A1-0", "A1-1", "A1-2", "A2-0", "A2-1", "stranger"]), energies), max_size=120
)


@settings(max_examples=60, deadline=None)
@given(rows=any_rows, shuffled=st.booleans(), block=st.integers(60, 400))
def test_no_reading_is_lost_or_doubled_whatever_the_order(rows: list[Row], shuffled: bool, block: int) -> None:
    if not shuffled:
        rows = sorted(rows, key=lambda row: str(row[0]))
    with TemporaryDirectory() as folder:
        feed = feed_of(Path(folder), rows)
        sent = list(publication(feed))
        cut = replace(feed, readings_file=replace(feed.readings_file, csv_block_bytes=block))
        assert outcome(list(publication(cut))) == outcome(sent)  # where a batch ends carries no meaning
    published = frames(sent)
    assert sum(frame.reading_count for frame in published) == sum(row[2] != "" for row in rows)
    assert Counter(m for f in published for m in f.meter_ids) == Counter(row[1] for row in rows)
    dated = Counter((m, f.interval_start_s) for f in published for i, m in enumerate(f.meter_ids) if i not in f.raw)
    sound = [row for row in rows if isinstance(row[0], int) and row[2] not in ("NaN", "-inf", "junk")]
    assert all(dated[(row[1], row[0])] >= 1 for row in sound if isinstance(row[0], int))
    for frame in published:
        assert len(set(frame.meter_ids)) == len(frame.meter_ids)
    ticks = tick_times(sent)
    assert ticks == sorted(ticks)
    assert len(set(ticks[:-1])) == len(ticks[:-1])


TWO_DAYS = 192 * 60
"""In rows of sixty meters."""


def poisoned(rows: list[Row], rng: np.random.Generator) -> tuple[list[Row], Counter[str]]:
    """One row in a hundred spoiled; duplicates and late rows are added or moved, the others stay in place."""
    kinds = ("unknown", "NaN", "inf", "junk", "negative", "future", "off-grid", "unreadable", "twice", "late")
    chosen = set(rng.choice(len(rows), len(rows) // 100, replace=False).tolist())
    spoiled: list[Row] = []
    late: list[tuple[int, Row]] = []
    counts: Counter[str] = Counter()
    for place, (start, meter, energy) in enumerate(rows):
        while late and late[0][0] <= place:
            spoiled.append(late.pop(0)[1])
        kind = kinds[int(rng.integers(len(kinds)))] if place in chosen else "sound"
        if kind == "late" and place + TWO_DAYS > len(rows):
            kind = "sound"
        counts[kind] += 1
        assert isinstance(start, int)
        match kind:
            case "unknown":
                spoiled.append((start, f"stranger-{place}", energy))
            case "NaN" | "inf" | "junk":
                spoiled.append((start, meter, kind))
            case "negative":
                spoiled.append((start, meter, "-1"))
            case "future":
                spoiled.append((start + int(rng.integers(2, 10**6)) * STEP, meter, energy))
            case "off-grid":
                spoiled.append((start + int(rng.integers(1, STEP)), meter, energy))
            case "unreadable":
                spoiled.append(("32.13.2026", meter, energy))
            case "twice":
                spoiled += [(start, meter, energy)] * 2
            case "late":
                late.append((place + TWO_DAYS, (start, meter, energy)))
            case _:
                spoiled.append((start, meter, energy))
    return spoiled + [row for _, row in late], counts


def test_one_percent_poison_moves_no_tick_and_loses_nothing(tmp_path: Path) -> None:
    archive = archive_of(areas=4, meters=15)
    rows = clean_rows(range(5 * 96), archive)
    spoiled, counts = poisoned(rows, np.random.default_rng(7))
    assert min(counts.values()) > 10
    assert len(counts) == 11
    sent = list(publication(feed_of(tmp_path, spoiled, archive)))
    assert tick_times(sent) == [T0 + STEP * k for k in (*range(1, 5 * 96 + 1), 5 * 96)]
    published = frames(sent)
    assert sum(frame.reading_count for frame in published) == len(spoiled)
    faults = Counter(fault.value for frame in published for fault in frame.faults.values())
    assert faults == {"not_a_number": counts["NaN"] + counts["inf"], "type": counts["junk"] + counts["unreadable"]}
    assert sum(len(frame.meter_ids) for frame in published if frame.transformer_area == "?") == counts["unknown"]
    off_grid = sum(len(frame.meter_ids) for frame in published if frame.interval_start_s % STEP)
    assert off_grid == counts["off-grid"]
    clock_s = T0
    ahead = late = 0
    for one in sent:
        if isinstance(one.message, Tick):
            clock_s = one.message.time_s
        elif isinstance(one.message, ArrivedFrame) and not one.message.interval_start_s % STEP:
            ahead += one.message.reading_count * (one.message.interval_start_s > clock_s + STEP)
            late += one.message.reading_count * (one.message.interval_start_s < clock_s - 86_400)
    assert ahead == counts["future"]
    assert late == counts["late"]


@pytest.mark.parametrize("block_bytes", [700, 3_000])
def test_where_a_batch_ends_carries_no_meaning(tmp_path: Path, block_bytes: int) -> None:
    archive = archive_of(areas=4, meters=15)
    rows, _ = poisoned(clean_rows(range(2 * 96), archive), np.random.default_rng(3))
    block = [row for row in clean_rows(range(40), archive) if row[1] == "A2-3"]
    same_time = [(T0 - STEP, meter.meter_id, 1) for meter in archive.meters] * 3
    rows[3000:3000] = [*block, *same_time, *[("junk", "A3-3", 1)] * 50, *same_time]
    feed = feed_of(tmp_path, rows, archive)
    cut = replace(feed, readings_file=replace(feed.readings_file, csv_block_bytes=block_bytes))
    assert outcome(list(publication(cut))) == outcome(list(publication(feed)))


def test_one_of_two_meters_a_day_ahead_does_not_set_the_clock_wherever_batches_end(tmp_path: Path) -> None:
    archive = archive_of(areas=1, meters=2)
    rows: list[Row] = [
        (T0 + STEP * (k + 96 * ahead), f"A1-{ahead}", 1) for k in range(60) for ahead in ((0, 1) if k > 3 else (0,))
    ]
    feed = feed_of(tmp_path, rows, archive)
    sent = list(publication(feed))
    assert tick_times(sent) == [T0 + STEP * k for k in (*range(1, 61), 60)]
    cut = replace(feed, readings_file=replace(feed.readings_file, csv_block_bytes=50))
    assert outcome(list(publication(cut))) == outcome(sent)


def test_rows_without_a_time_say_nothing_about_that_of_others(tmp_path: Path) -> None:
    rows: list[Row] = [*clean_rows([0])[:3], (T0 + STEP, "A1-0", 1), *[("junk", "A1-1", 1)] * 40]
    sent = list(publication(feed_of(tmp_path, rows)))
    assert told(sent)[:3] == ["A1 0: 0 1 2", 1, "A1 1: 0 1"]
