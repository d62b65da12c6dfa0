"""Tables, sentences and the file they go to. A section is replaced by the run that measures it anew; others stay."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.child import Account

RESULTS = Path(__file__).parent / "results.md"
PACKAGES = ("numpy", "river", "faust-streaming", "orjson", "duckdb", "sqlalchemy", "influxdb-client", "kafka-python")


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's part of the page: `name` as on the command line, `title` for people, `lines` of Markdown."""

    name: str
    title: str
    lines: Sequence[str]

    @property
    def heading(self) -> str:
        return f"## `{self.name}`: {self.title}"

    def text(self) -> str:
        return "\n".join([self.heading, "", *self.lines]).rstrip() + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; all columns but the first are figures and stand right."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, align, *rows)] + [""]


def count(number: float) -> str:
    """A count or a rate with three figures that mean something: 12,345 -> 12,300.

    >>> count(12345.6), count(987.6), count(0.01234)
    ('12,300', '988', '0.0123')
    """
    if number == 0:
        return "0"
    if abs(number) < 100:
        return f"{number:.3g}"
    digits = len(str(int(abs(number))))
    return f"{round(number, 3 - digits):,.0f}"


def mebibytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def split_table(accounts: Sequence[Account], readings: int) -> list[str]:
    """CPU by stage: microseconds per reading and share, one pair of columns per process."""
    stages = [*dict.fromkeys(stage for a in accounts for stage in a.stages if stage != "rest"), "rest"]
    head = ["CPU by stage"]
    for account in accounts:
        head += [f"{account.role}: µs per reading", "share"]
    rows = []
    for stage in stages:
        row = [stage]
        for account in accounts:
            spent = account.stages.get(stage)
            row += ["", ""] if spent is None else [count(1e6 * spent / readings), percent(spent, account.cpu_s)]
        rows.append(row)
    total = ["**all**"]
    for account in accounts:
        total += [count(1e6 * account.cpu_s / readings), "100 %"]
    return table(head, [*rows, total])


def process_table(accounts: Sequence[Account], readings: int) -> list[str]:
    """Per process: readings per second from its first message to its last, per CPU-second, how busy it was, peak memory."""
    rows = [
        [
            a.role,
            count(readings / a.wall_s),
            count(readings / a.cpu_s),
            f"{a.wall_s:.1f}",
            f"{a.cpu_s:.1f}",
            percent(a.cpu_s, a.wall_s),
            percent(a.queued_s, a.wall_s),
            mebibytes(a.peak_rss_bytes),
            percent(a.timing_s, a.cpu_s),
        ]
        for a in accounts
    ]
    head = [
        "process",
        "readings/s",
        "readings per CPU-second",
        "wall, s",
        "CPU, s",
        "CPU / wall",
        "no core / wall",
        "peak RSS",
        "of it timing",
    ]
    return table(head, rows)


def what_bounds(account: Account) -> str:
    """A sentence on what a process spends most on, and whether it waited."""
    first, second, third, *_ = [*sorted(account.stages.items(), key=lambda item: -item[1]), ("", 0.0), ("", 0.0)]
    told = ", ".join(
        f"{'the rest (log client, event loop)' if stage == 'rest' else stage} {percent(spent, account.cpu_s)}"
        for stage, spent in (first, second, third)
        if spent
    )
    if account.cpu_s > 0.8 * account.wall_s:
        waits = "it is bound by its own CPU"
    else:
        held = (
            "and for its stores"
            if account.cpu_s + account.queued_s < 0.9 * account.wall_s
            else "more than for its stores"
        )
        waits = (
            f"it ran for {percent(account.cpu_s, account.wall_s)} of the time; its threads were ready but had no core for "
            f"{percent(account.queued_s, account.wall_s)}: on this shared machine it waited for its turn, {held}"
        )
    return f"**What bounds the {account.role} process:** {told} of its CPU; {waits}."


def machine() -> str:
    """The line on what it was measured on."""
    model = ""
    if (info := Path("/proc/cpuinfo")).exists():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        model = f" ({found[1]})" if found else ""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Machine: {os.cpu_count()} cores{model}, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {packages}."
    )


def stamp(load_before: tuple[float, float, float]) -> str:
    """When, and how busy the machine was by itself."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"Measured {now}; load average before {load_before[0]:.1f}, after {os.getloadavg()[0]:.1f}."


#: The part of `detection.md` in which one thing is taken away at a time.
ABLATIONS = "What each part is worth"

HEAD = f"""# What Meterwatch costs

Written by `make bench` (`python -m benchmarks [NAMES]`); do not edit. A machine is rarely alone: figures per CPU-second
and ratios say more than figures per second. Nothing is asserted about any of them.

A process's figures are from its first message to its last; start-up is left out. The CPU of a stage is that of its
functions, timed from outside by each thread's CPU clock (`benchmarks/stage_clock.py`), inner stages taken out of outer
ones; `rest` is what no stage claims: the Kafka client, Faust and its event loop, waiting and waking. The column "of it
timing" is what the clock itself added; "no core" is time in which a thread was ready to run and others had the cores
(threads add up, so it may pass 100 %). `write SQL` counts its reads too.

How much is found, and ablations (the same province without one detector, one expert, voltage, balance or findings at a time,
"{ABLATIONS}"), are measured by `make bench-detection` and stand in [detection.md](detection.md).
"""


def write_results(sections: Sequence[Section], path: Path, order: Sequence[str]) -> None:
    """Put the sections into the page, each in the place of its older self, all in `order`."""
    texts = dict(read_sections(path.read_text(encoding="utf-8"))) if path.exists() else {}
    texts |= {section.name: section.text() for section in sections}
    kept = [texts[name] for name in order if name in texts]
    path.write_text("\n".join([HEAD, machine() + "\n", *kept]), encoding="utf-8")


def read_sections(page: str) -> Mapping[str, str]:
    """The page's sections by name, as they stand.

    >>> sorted(read_sections("# Title\\n\\n## `b`: x\\n\\n1\\n\\n## `a`: y\\n"))
    ['a', 'b']
    """
    found: dict[str, str] = {}
    for part in re.split(r"^(?=## `)", page, flags=re.MULTILINE)[1:]:
        found[part.partition("`")[2].partition("`")[0]] = part.rstrip() + "\n"
    return found
