"""Progress on a terminal: a bar per stage, the later one only once it begins."""

from __future__ import annotations

import pytest

from monitor.progress import progress, stages, tell_set_aside


def test_a_later_stage_shows_once_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes a terminal of any stream
    with stages("drawing", "simulating", "never") as (drawing, simulating, _):
        drawing(2, 4)
        drawing(4, 4)
        simulating(96, 288)
    shown = capsys.readouterr().err
    assert "drawing" in shown
    assert "4/4" in shown
    assert shown.rindex("96/288") > shown.index("drawing")
    assert "never" not in shown


def test_nothing_is_shown_of_short_work_where_no_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    with progress("publishing") as advance:
        advance(1, 2)
        advance(2, 2)
    assert capsys.readouterr().err == ""


def test_rows_that_were_left_out_are_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tell_set_aside({"findings.csv": ("line 2: 'bypas' is not in the catalogue", "line 3: 'M-9' is not in meters.csv")})
    told = capsys.readouterr()
    assert told.err == "findings.csv: 2 rows set aside, such as line 2: 'bypas' is not in the catalogue\n"
    assert told.out == ""
