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
from simulator.feed import Feed
from storage.sql import SqlStore

#: A difference in resident memory below this is the allocator's own noise.
LEAST_DIFFERENCE_BYTES = 8 * 2**20


def run(plan: Plan) -> list[str]:
    if not plan.quick:
        # many meters for one day: the difference must stand out from what an allocator keeps by chance
        plan = replace(plan, areas=3 * plan.areas, days=1)
    folder = plan.feed()
    archive = Feed.open(folder).archive
    names = list(archive.areas)
    held = [weigh(plan.folder, folder, narrowed(archive, names[:n])) for n in (len(names) // 2 or 1, len(names))]
    fewer, more = held
    meters = more["meters"] - fewer["meters"]
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
    difference = more["rss_bytes"] - fewer["rss_bytes"]
    if not meters or difference < LEAST_DIFFERENCE_BYTES:
        return [*head, "**What bounds it** does not show with so few meters: give more areas."]
    rss = difference / meters
    few = [
        weigh(plan.folder, folder, narrowed(archive, names[:n]), traced=True)
        for n in (len(names) // 8, len(names) // 4)
    ]
    objects = (few[1]["traced_bytes"] - few[0]["traced_bytes"]) / (few[1]["meters"] - few[0]["meters"])
    return [
        *head,
        (
            f"One more meter takes {count(rss / 1024)} KiB of memory and {count(more['page_bytes'] / more['meters'] / 1024)} KiB of "
            f"saved state; 100,000 meters take {count(1e5 * rss / 2**30)} GiB besides the "
            f"{mebibytes(fewer['rss_bytes'] - rss * fewer['meters'])} of the program itself."
        ),
        "",
        (
            f"**What bounds it:** of these, {count(objects / 1024)} KiB are what Python and NumPy objects asked for (the meter's entry in "
            "the archive, rows of the detectors' and alerts' arrays, the day begun); the rest is what the allocator keeps between "
            "them. Saved pages hold only what was learnt, compressed; they grow with the slots of the week that were seen."
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
