"""The RUN folder: counts that must add up, lines in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.run_folder import read_lines, report, write_lines
from metering.errors import MeterwatchError


def test_a_report_whose_counts_do_not_add_up_is_refused() -> None:
    counted = {"readings_accepted": 7, "set_aside.negative": 2, "readings_late": 1, "readings_dead_lettered": 3}
    assert report(counted, readings_in=13)["set_aside"]["negative"] == 2
    with pytest.raises(MeterwatchError, match="do not add up: 14 readings in"):
        report(counted, readings_in=14)


def test_a_report_says_what_became_of_events() -> None:
    counters = {
        "readings_accepted": 1,
        "events_accepted": 2,
        "events_set_aside.unknown_code": 3,
        "data_quality.spike": 4,
    }
    told = report(counters, readings_in=1)
    assert (told["events_accepted"], told["events_set_aside"]) == (2, {"unknown_code": 3})
    assert told["data_quality"] == {"spike": 4}


def test_lines_are_sorted_by_time_then_id(tmp_path: Path) -> None:
    rows = [{"id": "b", "at": "2"}, {"id": "a", "at": "2"}, {"id": "c", "at": "1"}]
    write_lines(tmp_path / "x.jsonl", rows, time="at")
    assert [r["id"] for r in read_lines(tmp_path / "x.jsonl")] == ["c", "a", "b"]


def test_a_broken_line_is_named_by_number(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"id":1}\n{oops\n')
    with pytest.raises(MeterwatchError, match=r"x\.jsonl:2"):
        list(read_lines(tmp_path / "x.jsonl"))


def test_a_missing_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(MeterwatchError, match="is missing"):
        list(read_lines(tmp_path / "alerts.jsonl"))
