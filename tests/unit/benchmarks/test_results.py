"""The page of results: every benchmark has its section, and a run replaces its own sections alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import parse
from benchmarks.catalogue import BENCHMARKS, NAMES
from benchmarks.child import Account
from benchmarks.report import (
    ABLATIONS,
    RESULTS,
    Section,
    count,
    process_table,
    read_sections,
    split_table,
    what_bounds,
    write_results,
)


def account(role: str = "judge", *, wall_s: float = 10.0, cpu_s: float = 4.0) -> Account:
    stages = {"decode": cpu_s / 4, "score": cpu_s / 2, "rest": cpu_s / 4}
    return Account(role, 100.0, 100.0 + wall_s, cpu_s, 2.5, stages, 0.04, 512 * 2**20)


def test_the_committed_page_names_every_benchmark_and_what_bounds_it() -> None:
    sections = read_sections(RESULTS.read_text(encoding="utf-8"))
    assert tuple(sections) == NAMES
    for benchmark in BENCHMARKS:
        assert f"## `{benchmark.name}`: {benchmark.title}" in sections[benchmark.name]
        assert "**What bounds" in sections[benchmark.name]
        assert "load average before" in sections[benchmark.name]


def test_a_run_replaces_its_own_section_and_keeps_the_others_in_order(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    write_results([Section("b", "second", ["old"]), Section("a", "first", ["kept"])], page, ("a", "b"))
    write_results([Section("b", "second", ["new"])], page, ("a", "b"))
    sections = read_sections(page.read_text(encoding="utf-8"))
    assert list(sections) == ["a", "b"]
    assert "kept" in sections["a"]
    assert sections["b"] == "## `b`: second\n\nnew\n"
    assert page.read_text(encoding="utf-8").count("Machine:") == 1


def test_the_page_leads_to_the_ablations_whenever_it_is_written(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    write_results([], page, ())
    for text in (page.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8")):
        assert f'"{ABLATIONS}"' in text
        assert "(detection.md)" in text
    assert f"## {ABLATIONS}\n" in RESULTS.with_name("detection.md").read_text(encoding="utf-8")


def test_rates_are_per_second_and_per_cpu_second() -> None:
    row = process_table([account()], 1_000_000)[2]
    assert row == "| judge | 100,000 | 250,000 | 10.0 | 4.0 | 40 % | 25 % | 512 MiB | 1 % |"


def test_the_split_adds_up_and_keeps_processes_apart() -> None:
    lines = split_table([account(), account("archive", cpu_s=2.0)], 1_000_000)
    assert lines[0].startswith("| CPU by stage | judge: µs per reading | share | archive: µs per reading | share |")
    assert "| score | 2 | 50 % | 1 | 50 % |" in lines
    assert lines[-3] == "| rest | 1 | 25 % | 0.5 | 25 % |"
    assert lines[-2] == "| **all** | 4 | 100 % | 2 | 100 % |"


@pytest.mark.parametrize(
    ("wall_s", "said"),
    [
        (4.2, "bound by its own CPU"),
        (
            10.0,
            "had no core for 25 %: on this shared machine it waited for its turn, and for its stores",
        ),
    ],
)
def test_the_sentence_says_whether_a_process_waited(wall_s: float, said: str) -> None:
    sentence = what_bounds(account(wall_s=wall_s))
    assert "score 50 %" in sentence
    assert said in sentence


def test_figures_carry_three_digits() -> None:
    assert [count(n) for n in (0, 1_234_567, 99.96, 100, 0.5)] == ["0", "1,230,000", "100", "100", "0.5"]


def test_quick_writes_no_page_unless_one_is_named(tmp_path: Path) -> None:
    assert parse(["--quick"]).results is None
    assert parse([]).results == RESULTS
    assert parse(["--quick", "--results", str(tmp_path / "r.md")]).results == tmp_path / "r.md"
    assert parse(["codecs"]).names == ["codecs"]
    assert parse([]).names == list(NAMES)


@pytest.mark.parametrize("arguments", [["no-such"], ["--areas", "0"], ["--days", "-1"]])
def test_wrong_use_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err
