"""What the wire costs: both codecs, there and back, on frames of the benchmark's feed."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

from benchmarks.plan import Plan
from benchmarks.report import count, table
from metering.messages import ArrivedFrame
from simulator.feeds.feed import Feed
from simulator.feeds.publication import publication
from streams.codecs import Codec, decode, encode

FRAMES = 100
CODECS: tuple[Codec, ...] = ("json", "packed")


def run(plan: Plan) -> list[str]:
    sent = (s.message for s in publication(Feed.open(plan.feed())))
    # whole frames of the ordinary kind, not what comes late and alone
    frames = list(islice((m for m in sent if isinstance(m, ArrivedFrame) and len(m.meter_ids) > 1), FRAMES))
    readings = sum(frame.reading_count for frame in frames)
    rounds = 2 if plan.quick else 20
    costs, sizes, rows = {}, {}, []
    for codec in CODECS:
        wire = [encode(frame, codec) for frame in frames]

        def write(codec: Codec = codec) -> None:
            for frame in frames:
                encode(frame, codec)

        def read(wire: list[tuple[bytes, list[tuple[str, bytes]]]] = wire) -> None:
            for body, headers in wire:
                decode(body, headers)

        costs[codec] = cpu_us(write, rounds) / readings, cpu_us(read, rounds) / readings
        sizes[codec] = sum(len(body) for body, _ in wire) / readings
        rows.append([codec, *(f"{c:.2f}" for c in costs[codec]), count(1e6 / costs[codec][1]), f"{sizes[codec]:.1f}"])
    columns = ", ".join(f"`{name}`" for name in frames[0].columns)
    ratio, slower = costs["json"][1] / costs["packed"][1], costs["packed"][0] / costs["json"][0]
    smaller = sizes["json"] / sizes["packed"]
    return [
        f"{len(frames)} frames of {readings / len(frames):.0f} readings, columns {columns}.",
        "",
        *table(
            [
                "codec",
                "encode, µs per reading",
                "decode, µs per reading",
                "decoded per CPU-second",
                "bytes per reading",
            ],
            rows,
        ),
        (
            f"**What bounds it:** JSON is decoded at the cost of checking and gathering its columns; packed decodes {ratio:.1f} "
            f"times as fast and takes {smaller:.1f} times fewer bytes, and encodes {slower:.1f} times as slowly: it looks for the number "
            "of decimals that gives every value back to the last bit."
        ),
    ]


def cpu_us(work: Callable[[], None], rounds: int) -> float:
    """CPU microseconds of one round, the best of three tries: what others on the machine add is left out."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, time.process_time() - began)
    return 1e6 * best / rounds
