"""Wrong use is told by what to give instead, with exit code 2, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.command_line import app


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pack", "nope"], "choose from clean"),
        (["--prevalence", "2"], "from 0 to 0.5"),
        (["--meters-per-area", "abc"], "LOW-HIGH"),
        (["--interval-minutes", "7"], "divide an hour"),
        (["--pack", "clean", "--prevalence", "0.1"], "add --pack mixed"),
        (["--pack", "new-year", "--start", "2026-06-01"], "17 February"),
        (["--pack", "new-year", "--climate", "oceanic"], "nobody keeps"),
    ],
)
def test_simulate_refuses_what_makes_no_sense(options: list[str], told: str, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path / "feed"), *options])
    assert said.exit_code == 2
    assert told in said.output
    assert not (tmp_path / "feed").exists()


@pytest.mark.parametrize("option", [["--static"], ["--inspector", "human"], ["--truth", "truth.csv"]])
def test_options_of_inspections_need_inspections(option: list[str], tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["replay", str(tmp_path), "--out", str(tmp_path / "run"), *option])
    assert said.exit_code == 2
    assert "add --inspect" in said.output
