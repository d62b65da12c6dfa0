"""RUN folders made from the truth and at random, scored by the command itself: 1.0 without delay, and 0.5."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from metering.archive import Archive
from metering.times import iso
from metering.truth import TruthCase
from monitor.command_line import main
from tests.unit.evaluation.made_runs import DAYS, FIRST_DAY, alert_row, at, case, write_csv, write_feed, write_run

KINDS = ("bypass", "register_stopped", "over_capacity", "power_off", "scaled by a constant")
METERS, ABNORMAL = 240, 60


def truth() -> list[TruthCase]:
    """Sixty customers and one area; some cases end, one word is nobody's."""
    cases = [case(f"M{i:03}", 30 + i, KINDS[i % len(KINDS)], end=None if i % 3 else 36 + i) for i in range(ABNORMAL)]
    return [*cases, case("S0", 50, "high_loss")]


def scores(archive: Archive, risk: Callable[[str, int], float]) -> pa.Table:
    rows = [(m.meter_id, d) for d in range(DAYS) for m in archive.meters]
    return pa.table(
        {
            "meter_id": [m for m, _ in rows],
            "date": [str(FIRST_DAY + timedelta(days=d)) for _, d in rows],
            "risk": [risk(m, d) for m, d in rows],
        }
    )


def alert_of(one: TruthCase) -> dict[str, Any]:
    of_area = one.meter_id.startswith("S")
    return {
        "transformer_area": one.meter_id.replace("S", "A"),
        "meter_id": None if of_area else one.meter_id,
        "abnormality": one.abnormality,
        "raised_at": iso(one.start_s),
        "cleared_at": None if one.end_s is None else iso(one.end_s),
    }


@dataclass(frozen=True)
class Made:
    feed: Path
    archive: Archive
    cases: Sequence[TruthCase]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made") / "feed"
    return Made(folder, write_feed(folder, truth(), meters=METERS), truth())


@pytest.fixture
def evaluate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["meterwatch", "evaluate", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def figures(said: tuple[int, str, str]) -> dict[str, Any]:
    assert said[0] == 0, said[2]
    found: dict[str, Any] = json.loads(said[1])
    return found


def test_a_run_made_from_the_truth_is_perfect(made: Made, tmp_path: Path, evaluate: Callable[..., Any]) -> None:
    cases = {c.meter_id: c for c in made.cases}

    def risk(meter_id: str, day: int) -> float:
        one = cases.get(meter_id)
        return float(one is not None and one.start_s <= at(day) and (one.end_s is None or at(day) < one.end_s))

    write_run(tmp_path / "run", map(alert_of, made.cases), scores(made.archive, risk))
    found = figures(evaluate(tmp_path / "run", "--truth", made.feed, "--json", "-"))
    assert (found["auc"], found["average_precision"], found["precision_at_50"]) == (1.0, 1.0, 0.98)
    assert (found["cases"], found["detection_rate"], found["macro_detection_rate"]) == (61, 1.0, 1.0)
    assert (found["right_kind_share"], found["false_cases"], found["missed"]) == (1.0, 0, [])
    assert found["median_days_to_detection"] == 0.0
    assert {kind: row["median_days_to_detection"] for kind, row in found["by_abnormality"].items()} == dict.fromkeys(
        [*KINDS, "high_loss"], 0.0
    )
    assert found["within_days"] == {"1": 1.0, "10": 1.0, "30": 1.0}


@pytest.mark.parametrize("seed", range(4))
def test_a_run_of_random_scores_is_worth_chance(
    made: Made, tmp_path: Path, seed: int, evaluate: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(seed)
    write_run(tmp_path / "run", [], scores(made.archive, lambda _meter, _day: float(rng.random())))
    found = figures(evaluate(tmp_path / "run", "--truth", made.feed, "--json", "-"))
    abnormal, ranked = found["ranked_abnormal_meters"], found["ranked_meters"]
    assert (abnormal, ranked) == (49, 230), "outages are no suspicion; normal meters and supply meters are ranked"
    # three and a half standard deviations
    assert abs(found["auc"] - 0.5) < 3.5 * np.sqrt((ranked + 1) / (12 * abnormal * (ranked - abnormal)))
    assert found["average_precision"] < 0.4
    assert (found["detected"], found["detection_rate"], found["false_cases"]) == (0, 0.0, 0)


# --- what the command says and writes


@pytest.fixture
def half(made: Made, tmp_path: Path) -> Path:
    """A run that sees every second case, visits two meters, and cries wolf once."""
    cases = {c.meter_id for c in made.cases[::2]}
    rows = [alert_of(c) for c in made.cases[::2]] + [alert_row("M100", 60) | {"transformer_area": "A0"}]
    finding = {"found_at": iso(at(75)), "confirmed": True, "abnormality": "bypass"}
    tasks = [
        {"id": "T1", "alert_ids": [], "service_point": "SP-0", "finding": finding},
        {"id": "T2", "alert_ids": [], "service_point": "SP-100", "finding": finding | {"confirmed": False}},
    ]
    write_run(tmp_path / "half", rows, scores(made.archive, lambda m, _: 0.5 * (m in cases)), tasks)
    return tmp_path / "half"


def test_the_tables_say_what_was_found_and_what_was_not(made: Made, half: Path, evaluate: Callable[..., Any]) -> None:
    code, out, err = evaluate(half, "--truth", made.feed)
    assert (code, err) == (0, "")
    for words in (
        r"half · feed made, 242 meters · judged 2026-01-29 to 2026-04-08 \(10\.0 weeks after 28 days of warm-up\)",
        r"cases +31 of 61 detected \(50\.8 %\)",
        r"inspections +2 visits, 1 hits \(0\.50 per inspection\); they found 1 of 61 cases",
        r"false cases +1: 0\.41 per 1,000 meters per week",
        r"by abnormality\s",
        r"inspections by week\s",
        r"missed \(the first 20 of 30\)",
    ):
        assert re.search(words, out), f"{words}\n{out}"
    assert not re.search("\x1b", out), "no colours where there is no terminal"


def test_json_goes_to_a_file_or_to_the_screen(
    made: Made, half: Path, tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    shown = figures(evaluate(half, "--truth", made.feed, "--json", "-"))
    code, out, _ = evaluate(half, "--truth", made.feed, "--json", tmp_path / "found.json")
    assert code == 0
    assert "by abnormality" in out
    assert json.loads((tmp_path / "found.json").read_text()) == shown


def test_the_page_holds_everything_it_needs_and_is_the_same_each_time(
    made: Made, tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    write_run(tmp_path / "most", map(alert_of, made.cases[4:]), scores(made.archive, lambda _meter, _day: 0.5))
    pages = []
    for name in ("one.html", "two.html"):
        assert evaluate(tmp_path / "most", "--truth", made.feed, "--html", tmp_path / name)[0] == 0
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    page = pages[0].decode()
    assert page.count("<article>") == 4
    assert not re.search(r"<(script|link|img|iframe)|@import|src=|href=\"(?!#)", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.search(r"#0[0-9a]0[0-9a]0[0-9a]\b", page), "every colour is one of the page's"
    assert str(tmp_path) not in page


def test_the_answer_sheet_beside_the_truth_tells_more(
    made: Made, half: Path, tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    folder = tmp_path / "feed"
    cases = [case("M001", 40), case("M003", 41)]
    write_feed(folder, cases, meters=120)
    write_csv(
        folder / "cases.csv",
        ("meter_id", "scenario", "abnormality", "start", "end", "severity", "hidden", "unmetered_kwh", "story"),
        [
            (c.meter_id, "night_bypass", "bypass", iso(c.start_s), "", 0.5, "true", 100, "<b>at night</b>")
            for c in cases
        ],
    )
    energy = [(c.meter_id, str(FIRST_DAY + timedelta(days=d)), 4.0) for c in cases for d in range(50, 75)]
    write_csv(folder / "unmetered.csv", ("meter_id", "date", "unmetered_kwh"), energy)
    write_csv(folder / "life.csv", ("meter_id", "kind", "start", "end"), [("M100", "vacancy", iso(at(50)), "")])
    found = figures(evaluate(half, "--truth", folder, "--json", "-", "--html", tmp_path / "page.html"))
    assert found["by_scenario"]["night_bypass"]["cases"] == 2
    assert (found["value"]["unmetered_kwh"], found["value"]["share_found"]) == (200.0, 0.0)
    assert found["false_cases_near"]["vacancy"] == 1
    page = (tmp_path / "page.html").read_text()
    assert "night_bypass" in page
    assert "&lt;b&gt;at night" in page


def test_the_archive_is_the_named_feeds_or_the_truths_own(
    made: Made, half: Path, tmp_path: Path, evaluate: Callable[..., Any]
) -> None:
    alone = tmp_path / "truth.csv"
    alone.write_bytes((made.feed / "truth.csv").read_bytes())
    code, _, err = evaluate(half, "--truth", alone)
    assert (code, err.count("\n")) == (1, 1)
    assert "give --feed FEED" in err
    assert figures(evaluate(half, "--truth", alone, "--feed", made.feed, "--json", "-"))["meters"] == METERS + 2
    (half / "run.toml").write_text(f"feed = '{tmp_path / 'gone'}'\n")
    assert "give --feed FEED" in evaluate(half, "--truth", alone)[2]
    assert figures(evaluate(half, "--truth", made.feed, "--json", "-"))["meters"] == METERS + 2, "the truth's folder"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("unmetered.csv", "meter_id,date,unmetered_kwh\nM001,soon,1\n", "unmetered.csv, line 2, column date"),
        ("unmetered.csv", "meter_id,date,unmetered_kwh\nM001,2026-01-01,\n", "line 2, column unmetered_kwh: empty"),
        ("cases.csv", "meter_id,scenario,abnormality,start,severity\nM1,a,b,2026-01-01,much\n", "column severity"),
        ("life.csv", "meter_id,kind,start\nM001,vacancy,then\n", "life.csv, line 2, column start"),
        ("truth.csv", "meter_id,abnormality\nM001,bypass\n", "truth.csv, line 1: column start is missing"),
    ],
)
def test_a_malformed_answer_is_named(
    half: Path, tmp_path: Path, name: str, text: str, told: str, evaluate: Callable[..., Any]
) -> None:
    folder = tmp_path / "feed"
    write_feed(folder, [case("M001", 40)], meters=4, days=40)
    (folder / name).write_text(text)
    code, out, err = evaluate(half, "--truth", folder)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err
