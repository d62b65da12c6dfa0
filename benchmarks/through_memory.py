"""A feed through `memory://` in one process: reading it, both codec directions, judging, archiving, SQLite, DuckDB."""

from __future__ import annotations

import os

from benchmarks.plan import Plan, child
from benchmarks.report import count, process_table, split_table, what_bounds


def run(plan: Plan) -> list[str]:
    feed, run_folder = plan.feed(), plan.folder / "memory-run"
    env = {name: value for name, value in os.environ.items() if not name.startswith("METERWATCH_")}
    with child(plan.folder, "memory", "replay", str(feed), str(run_folder), env=env) as replay:
        account = replay.finish()
    readings = account.told["readings"]
    return [
        (
            f"Feed: {plan.feed_text}; {readings:,} readings in, {account.told['alerts']} alerts and "
            f"{account.told['tasks']} tasks out. JSON frames, SQLite, DuckDB."
        ),
        "",
        *process_table([account], readings),
        *split_table([account], readings),
        (
            f"End to end {count(readings / account.wall_s)} readings per second and {count(readings / account.cpu_s)} per "
            f"CPU-second: one core keeps up with {count(900 * readings / account.cpu_s)} meters that report every 15 minutes."
        ),
        "",
        what_bounds(account),
    ]
