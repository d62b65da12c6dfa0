"""Messages for the tests of `streams`, generated and by hand, and what it means that two are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from metering.arrival import read_column
from metering.messages import ArrivedFrame, Decision, Finding, Message, MeterEvent, MeterEvents, Tick
from metering.readings import READING_COLUMNS, SetAside

words = st.text(min_size=1, max_size=12)
seconds = st.integers(-(2**40), 2**40)
metered = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6).map(lambda i: i / 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1e15, 214748.3647, 1e-9, 5e-324]),
)
odd = st.one_of(metered, st.sampled_from(["NaN", "-Infinity", "abc", "", "1.5", True, 1e400]))


@st.composite
def arrived_frames(draw: st.DrawFn) -> ArrivedFrame:
    rows = draw(st.integers(0, 6))
    names = ["energy_kwh", *draw(st.lists(st.sampled_from(READING_COLUMNS[1:]), unique=True, max_size=4))]
    values = metered if draw(st.booleans()) else odd
    columns: dict[str, Any] = {}
    faults: dict[int, SetAside] = {}
    raw: dict[int, dict[str, str]] = {}
    for name in draw(st.permutations(names)):
        columns[name], found, texts = read_column(draw(st.lists(values, min_size=rows, max_size=rows)))
        faults.update(found)
        for row, text in texts.items():
            raw.setdefault(row, {})[name] = text
    if rows and draw(st.booleans()):
        row = draw(st.integers(0, rows - 1))
        faults[row] = SetAside.TYPE
        raw.setdefault(row, {})["interval_start"] = draw(st.text(max_size=12))
    return ArrivedFrame(
        transformer_area=draw(words),
        interval_start_s=draw(seconds),
        interval_minutes=draw(st.integers(-5, 2000)),
        meter_ids=tuple(draw(st.lists(st.text(max_size=8), min_size=rows, max_size=rows))),
        columns=columns,
        faults=faults,
        raw=raw,
        reading_count=draw(st.integers(0, 500)),
    )


small_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Tick, time_s=seconds, final=st.booleans()),
    st.builds(
        MeterEvents,
        transformer_area=words,
        events=st.lists(st.builds(MeterEvent, meter_id=words, event_time_s=seconds, code=words), max_size=3).map(tuple),
    ),
    st.builds(
        Finding,
        finding_id=words,
        transformer_area=words,
        meter_id=words,
        found_at_s=seconds,
        confirmed=st.booleans(),
        abnormality=st.none() | words,
        found_by=words,
        note=words,
    ),
    st.builds(
        Decision,
        decision_id=words,
        transformer_area=words,
        decided_at_s=seconds,
        kind=words,
        decided_by=words,
        subject_id=words,
        detail=st.dictionaries(words, st.none() | st.booleans() | seconds | words | st.lists(words, max_size=2)),
    ),
)


def content(message: Message) -> Any:
    """All that a message says, comparable, floats by their bits."""
    if not isinstance(message, ArrivedFrame):
        return message
    return (
        message.transformer_area,
        message.interval_start_s,
        message.interval_minutes,
        message.meter_ids,
        {name: np.where(np.isnan(v), np.nan, v).tobytes() for name, v in message.columns.items()},
        dict(message.faults),
        {row: dict(texts) for row, texts in message.raw.items()},
        message.reading_count,
    )


def frame(transformer_area: str = "area-1", interval_start_s: int = 0, *, meters: int = 3) -> ArrivedFrame:
    """A plain frame: `meters` readings of 15 minutes."""
    return ArrivedFrame(
        transformer_area=transformer_area,
        interval_start_s=interval_start_s,
        interval_minutes=15,
        meter_ids=tuple(f"meter-{i}" for i in range(meters)),
        columns={"energy_kwh": np.arange(meters, dtype=np.float64) / 8},
        reading_count=meters,
    )
