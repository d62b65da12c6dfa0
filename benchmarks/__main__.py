"""`python -m benchmarks [NAMES] [--quick] [--areas N --meters-per-area N --days N] [--results FILE]`: measure, print, write."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, NAMES
from benchmarks.plan import Plan
from benchmarks.report import RESULTS, Section, machine, stamp, write_results
from metering.errors import MeterwatchError
from tests.system.servers import ServerFailed, ServerMissing

QUICK = {"areas": 2, "meters_per_area": 50, "days": 1}
FULL = {"areas": 10, "meters_per_area": 200, "days": 2}


def main(arguments: Sequence[str]) -> int:
    """Exit codes: 0 measured, 1 a benchmark failed (the others were still run), 2 wrong use."""
    asked = parse(arguments)
    print(machine() + "\n", flush=True)
    sections: list[Section] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="meterwatch-bench-") as folder:
        for benchmark in BENCHMARKS:
            if benchmark.name not in asked.names:
                continue
            room = Path(folder) / benchmark.name
            room.mkdir()
            began_s, load = time.monotonic(), os.getloadavg()
            plan = Plan(asked.areas, asked.meters_per_area, asked.days, room, asked.quick)
            plan.feed()
            try:
                lines = benchmark.run(plan)
            except (MeterwatchError, ServerFailed, ServerMissing, TimeoutError) as error:
                print(f"{benchmark.name}: FAILED: {error}\n", file=sys.stderr, flush=True)
                failed.append(benchmark.name)
                continue
            section = Section(benchmark.name, benchmark.title, [*lines, "", stamp(load)])
            sections.append(section)
            print(section.text(), flush=True)
            print(f"({benchmark.name} took {time.monotonic() - began_s:.0f} s)\n", file=sys.stderr, flush=True)
    if asked.results is not None and sections:
        write_results(sections, asked.results, NAMES)
        print(f"written: {asked.results}", flush=True)
    return 1 if failed else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; `--quick` is a smoke test and writes no file unless one is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Meterwatch.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, about a minute; the figures mean little")
    parser.add_argument("--areas", type=int, help="transformer areas of the feed")
    parser.add_argument("--meters-per-area", type=int, help="customers per area")
    parser.add_argument("--days", type=int, help="days of the feed")
    parser.add_argument("--results", type=Path, help=f"file to write; default {RESULTS.name} beside this program")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    asked.names = asked.names or list(NAMES)
    for size, value in (QUICK if asked.quick else FULL).items():
        if getattr(asked, size) is None:
            setattr(asked, size, value)
        elif getattr(asked, size) < 1:
            parser.error(f"--{size.replace('_', '-')}: give at least 1")
    if asked.results is None and not asked.quick:
        asked.results = RESULTS
    return asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
