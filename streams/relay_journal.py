"""What was put onto the in-process log between a feed's messages, on disk with its place: a log that is made anew is the same log."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import NamedTuple

import orjson

from streams.codecs import Headers


class Relayed(NamedTuple):
    """One message as it stands on the log."""

    transformer_area: str
    value: bytes
    headers: Headers


class RelayJournal:
    """The file is written before the log is, and survives the process: nothing that people decided is lost with it, nor twice on
    the log. A line that was cut off in the middle stands for nothing: its message was never put."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at: dict[tuple[int, int], Relayed] = {}
        self._values: set[bytes] = set()
        self._read()

    def at(self, partition: int, offset: int) -> Relayed | None:
        """What belongs at this place of the log; None where the feed goes on."""
        return self._at.get((partition, offset))

    def holds(self, value: bytes) -> bool:
        return value in self._values

    def ends(self) -> dict[int, int]:
        """By partition, the offset after the last line."""
        ends: dict[int, int] = {}
        for partition, offset in self._at:
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        return ends

    def add(self, partition: int, offset: int, relayed: Relayed) -> None:
        """On disk when this returns."""
        line = {
            "partition": partition,
            "offset": offset,
            "transformer_area": relayed.transformer_area,
            "value": base64.b64encode(relayed.value).decode(),
            "headers": [[name, base64.b64encode(content).decode()] for name, content in relayed.headers],
        }
        with self._file.open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._know(partition, offset, relayed)

    def _know(self, partition: int, offset: int, relayed: Relayed) -> None:
        self._at[partition, offset] = relayed
        self._values.add(relayed.value)

    def _read(self) -> None:
        if not self._file.exists():
            return
        written = self._file.read_bytes()
        whole = written.rfind(b"\n") + 1
        for row in written[:whole].splitlines():
            line = orjson.loads(row)
            headers = [(name, base64.b64decode(content)) for name, content in line["headers"]]
            relayed = Relayed(line["transformer_area"], base64.b64decode(line["value"]), headers)
            self._know(line["partition"], line["offset"], relayed)
        if whole < len(written):
            os.truncate(self._file, whole)
