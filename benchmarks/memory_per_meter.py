"""What one more meter takes: resident memory of an area stage that holds N and 2N meters, and bytes of saved state."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.plan import Plan, child
from benchmarks.report import count, mebibytes, table
from metering.archive import Archive
from simulator.feeds.feed import Feed
from storage.sql import SqlStore


def run(plan: Plan) -> list[str]:
    if not plan.quick:
        # many meters for one day: the difference must stand out from what an allocator keeps by chance
        plan = replace(plan, areas=3 * plan.areas, days=1)
    folder = plan.feed()
    archive = Feed.open(folder).archive
    names = list(archive.areas)
    held = [weigh(plan.folder, folder, narrowed(archive, names[:n])) for n in (len(names) // 2 or 1, len(names))]
    fewer, more = held
    lines = table(
        ["meters held", "own memory", "saved state", "state bytes per meter", "pages per area"],
        [
            [
                f"{h['meters']:,}",
                mebibytes(h["rss_bytes"]),
                mebibytes(h["page_bytes"]),
                count(h["page_bytes"] / h["meters"]),
                count(h["pages"] / areas),
            ]
            for h, areas in zip(held, (len(names) // 2 or 1, len(names)), strict=True)
        ],
    )
    head = [
        f"Feed: {plan.feed_text}; one area stage with its archive, in a process of its own, after the whole feed.",
        "",
        *lines,
    ]
    if len(names) < 8:
        return [*head, "**What bounds it** does not show with so few meters: give more areas."]
    eighth = len(names) // 8
    few = [weigh(plan.folder, folder, narrowed(archive, names[:n]), traced=True) for n in (eighth, 2 * eighth)]
    objects = (few[1]["traced_bytes"] - few[0]["traced_bytes"]) / (few[1]["meters"] - few[0]["meters"])
    own = (more["rss_bytes"] - fewer["rss_bytes"]) / (more["meters"] - fewer["meters"])
    return [
        *head,
        (
            f"One more meter takes {count(objects / 1024)} KiB that Python and NumPy objects ask for (traced, {few[0]['meters']:,} "
            f"against {few[1]['meters']:,} meters); the process's own memory grew by {count(own / 1024)} KiB a meter in this run, which "
            "is a few MiB up or down with what the allocator keeps by chance. Saved state: "
            f"{count(more['page_bytes'] / more['meters'] / 1024)} KiB a meter."
        ),
        "",
        (
            "**What bounds it:** the meter's entry in the archive, its rows of the detectors' and alerts' arrays, and the day "
            "begun. Saved pages hold only what was learnt, compressed; they grow with the slots of the week that were seen."
        ),
    ]


def narrowed(archive: Archive, areas: list[str]) -> Archive:
    """The archive with these areas alone."""
    chosen = set(areas)
    meters = tuple(m for m in archive.meters if m.transformer_area in chosen)
    return replace(archive, meters=meters, _by_area={})


def weigh(folder: Path, feed: Path, archive: Archive, *, traced: bool = False) -> dict[str, Any]:
    """What a process that holds these areas says of itself (`benchmarks.child.hold`)."""
    name = f"hold-{len(archive.meters)}{'-traced' if traced else ''}"
    url = f"sqlite:///{folder / name}.sqlite"
    store = SqlStore(url)
    store.save_archive(archive)
    store.close()
    # Arrow's own pool would keep freed memory by chance
    env = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}
    with child(folder, name, "hold", url, str(feed), *(["traced"] if traced else []), env=env) as holder:
        holder.wait()
        told: dict[str, Any] = json.loads(holder.account_path.read_text(encoding="utf-8"))
    return told
