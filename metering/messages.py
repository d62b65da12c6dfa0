"""What rides in the log, decoded: one order per transformer area of frames, ticks, meter events, findings and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.readings import SetAside


@dataclass(frozen=True, slots=True, eq=False)
class ArrivedFrame:
    """A frame as it came in: any meters, any order, perhaps wrong; admission makes it part of a `ReadingFrame`.

    `columns` are float64 of shape (rows,), finite or NaN = null on the wire. `faults` names the rows that are unusable as
    they stand (`type`, `not_a_number`; a row's own time that cannot be read counts as `type`); `raw` keeps those rows'
    offending values as text, by row and column, so that the frame can be sent on unchanged. `reading_count` is the
    sender's count of readings: rows whose energy is not null.
    """

    transformer_area: str
    interval_start_s: int
    interval_minutes: int
    meter_ids: tuple[str, ...]
    columns: Mapping[str, NDArray[np.float64]]
    faults: Mapping[int, SetAside] = field(default_factory=dict)
    raw: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    reading_count: int = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """Event time has reached `time_s`: intervals that end by then are closed. Sent to every partition.

    `final` ends a recorded feed: the days begun are closed without waiting for their hour.
    """

    time_s: int
    final: bool = False


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """What a meter or terminal itself reported, e.g. ``cover_open``."""

    meter_id: str
    event_time_s: int
    code: str


@dataclass(frozen=True, slots=True)
class MeterEvents:
    transformer_area: str
    events: tuple[MeterEvent, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What an inspection found at one meter. `abnormality` is a catalogue code, or None where nothing was found."""

    finding_id: str
    transformer_area: str
    meter_id: str
    found_at_s: int
    confirmed: bool
    abnormality: str | None
    found_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A move that a person made on an area's alert or task, relayed so that the area's log holds one order of all."""

    decision_id: str
    transformer_area: str
    decided_at_s: int
    kind: str
    decided_by: str
    subject_id: str
    detail: Mapping[str, Any] = field(default_factory=dict)


Message = ArrivedFrame | Tick | MeterEvents | Finding | Decision
