"""`python -m benchmarks.detection [--worlds NAME ...] [--quick]`: how well the monitor detects, on the report's seeds.

Every world runs in a process of its own, two at a time; the figures are kept in `detection.json` and shown in `detection.md`,
both beside the other benchmarks' results. A world that is measured anew replaces its own figures alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks.detection.muting import voices
from benchmarks.detection.page import page
from benchmarks.detection.worlds import GROUPS, World, chosen, worlds
from benchmarks.report import RESULTS, machine
from metering.errors import MeterwatchError

PAGE = RESULTS.with_name("detection.md")
ROOT = Path(__file__).parents[2]
QUICK_WORLDS = ("mixed", "mixed-visited")
#: (world, folder to work in, what was asked for) -> its figures, None where it failed.
Measure = Callable[[World, Path, argparse.Namespace], dict[str, Any] | None]


def main(arguments: Sequence[str], measure: Measure | None = None) -> int:
    """Exit codes: 0 measured, 1 a world failed (the others were still run), 2 wrong use. `measure` is a process of its own
    unless another is given."""
    measure = _measure if measure is None else measure
    asked = parse(arguments)
    known = worlds(voices())
    try:
        todo = chosen(asked.worlds or (QUICK_WORLDS if asked.quick else ()), known)
    except MeterwatchError as error:
        print(error, file=sys.stderr)
        return 2
    if not _simbench_installed() and (not asked.worlds or "simbench" not in asked.worlds):
        todo = [w for w in todo if w.recipe is not None]
    print(machine() + "\n", file=sys.stderr, flush=True)
    store = None if asked.page is None else asked.page.with_suffix(".json")
    figures: dict[str, Any] = {}
    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="meterwatch-detection-") as place,
        ThreadPoolExecutor(asked.at_once) as pool,
    ):
        running = {pool.submit(measure, world, Path(place), asked): world for world in todo}
        for done in as_completed(running):
            world, found = running[done], done.result()
            failed += found is None
            if found is None:
                continue
            figures[world.name] = found
            print(summary(world, found), flush=True)
            if store is not None:
                _write(store, asked.page, {world.name: found}, known)
    if store is None:
        print("\n" + page(figures, known))
    else:
        print(f"written: {asked.page}", flush=True)
    return 1 if failed else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; `--quick` is a smoke test on a development seed and writes no file unless one is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description="Measure how well is detected.")
    parser.add_argument(
        "--worlds", nargs="+", default=(), metavar="NAME", help=f"worlds or groups of them: {', '.join(GROUPS)}"
    )
    parser.add_argument("--quick", action="store_true", help="small worlds of a development seed; default: two of them")
    parser.add_argument("--at-once", type=int, default=2, help="how many worlds at a time; default 2")
    parser.add_argument("--page", type=Path, help=f"file to write, its figures beside it; default {PAGE.name}")
    parser.add_argument("--keep", type=Path, help="folder to keep the RUN folders in")
    asked = parser.parse_args(arguments)
    if asked.at_once < 1:
        parser.error("--at-once: give at least 1")
    if asked.page is None and not asked.quick:
        asked.page = PAGE
    return asked


def summary(world: World, found: dict[str, Any]) -> str:
    """One line of what matters most."""
    score, visits = found["score"], found.get("visits")

    def told(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    hits = f", hits {visits['hits']} of {visits['visits']}" if visits else ""
    return (
        f"{world.name}: macro DR {told(score['macro_detection_rate'])}, AP {told(score['average_precision'])}, "
        f"P@50 {told(score['precision_at_50'])}, false cases {score['false_cases_per_1000_meters_per_week']:.2f}{hits}, "
        f"{found['costs']['wall_s']:.0f} s"
    )


def _measure(world: World, place: Path, asked: argparse.Namespace) -> dict[str, Any] | None:
    out = place / f"{world.name}.json"
    command = [sys.executable, "-m", "benchmarks.detection.child", world.name, str(out)]
    command += ["--quick"] if asked.quick else []
    command += [] if asked.keep is None else ["--keep", str(asked.keep.resolve())]
    env = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    began_s = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode  # noqa: S603 - this program itself
    if code != 0:
        print(f"{world.name}: FAILED with {code} after {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
        return None
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _write(store: Path, path: Path, measured: dict[str, Any], known: Sequence[World]) -> None:
    """Put these worlds beside those in the store as it is now: another run may have written to it meanwhile."""
    figures = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    figures |= measured
    kept = {w.name: figures[w.name] for w in known if w.name in figures}
    store.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    path.write_text(page(kept, known), encoding="utf-8")


def _simbench_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("simbench") is not None and find_spec("pandapower") is not None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
