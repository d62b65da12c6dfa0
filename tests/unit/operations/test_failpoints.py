"""A failpoint kills the process without a word where a test asked for it, and is nothing otherwise."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from operations.failpoints import FAILPOINTS, VARIABLE

ROOT = Path(__file__).parents[3]
PASSES_TWICE = "from operations.failpoints import failpoint\nfor _ in range(2):\n failpoint('before_send')\n print('passed', flush=True)"


def run(value: str | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE} | {"PYTHONPATH": str(ROOT)}
    if value is not None:
        environment[VARIABLE] = value
    return subprocess.run(
        [sys.executable, "-c", PASSES_TWICE], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("value", "code", "passed"),
    [
        (None, 0, 2),
        ("before_send", -signal.SIGKILL, 0),
        ("before_send:2", -signal.SIGKILL, 1),
        ("after_mark", 0, 2),
    ],
)
def test_it_kills_at_the_time_asked_for_and_only_there(value: str | None, code: int, passed: int) -> None:
    ran = run(value)
    assert ran.returncode == code
    assert ran.stdout.count("passed") == passed


def test_a_misspelt_name_is_refused() -> None:
    ran = run("before_sending")
    assert ran.returncode == 1
    assert "no such failpoint" in ran.stderr


def test_every_failpoint_that_is_called_is_listed() -> None:
    called = {
        name
        for folder in ("operations", "storage", "monitor", "notify", "alerts")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for name in re.findall(r'failpoint\("(\w+)"\)', file.read_text(encoding="utf-8"))
    }
    assert called <= set(FAILPOINTS)
