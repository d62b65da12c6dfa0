"""A log that is made anew from its feed and its journal is the log that was there."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.messages import Tick
from streams.memory_transport import MemoryBroker
from streams.publisher import MemoryPublisher
from streams.relay_journal import Relayed, RelayJournal
from streams.topics import AREAS

PARTITIONS, TICKS = 2, 6


def log_of(journal: RelayJournal, said: dict[int, bytes], saved: dict[int, int] | None = None) -> list[list[bytes]]:
    """The ticks on a new log; before some of them something is said (tick -> value). What is below `saved` is only counted."""
    url = f"memory://{uuid4().hex}"
    logs = MemoryBroker.at(url).declare(AREAS.name, PARTITIONS)
    publisher = MemoryPublisher(url, journal=journal)
    for number in range(TICKS):
        if number in said:
            publisher.send_encoded("an area", said[number], [])
        publisher.put(None, Tick(900 * number), saved)
    for partition in range(PARTITIONS):
        publisher.put_between(partition, saved)
    MemoryBroker.discard(url)
    return [[b"saved"] * log.base + [bytes(record.value or b"") for record in log.records] for log in logs]


@given(
    said=st.dictionaries(st.integers(0, TICKS - 1), st.binary(min_size=1, max_size=3), max_size=4).filter(
        lambda said: len(set(said.values())) == len(said)
    ),
    saved=st.fixed_dictionaries({0: st.integers(0, TICKS), 1: st.integers(0, TICKS)}),
)
def test_the_log_is_the_same_again(
    said: dict[int, bytes], saved: dict[int, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("journal") / "relayed.jsonl"
    before = log_of(RelayJournal(file), said)
    again = log_of(RelayJournal(file), {}, saved)
    for partition, values in enumerate(before):
        assert again[partition] == [b"saved"] * saved[partition] + values[saved[partition] :]


def test_what_is_on_the_log_is_not_put_there_twice(tmp_path: Path) -> None:
    file = tmp_path / "relayed.jsonl"
    first = log_of(RelayJournal(file), {1: b"a"})
    assert log_of(RelayJournal(file), {5: b"a"}) == first


def test_a_line_that_was_cut_off_was_never_put(tmp_path: Path) -> None:
    file = tmp_path / "relayed.jsonl"
    journal = RelayJournal(file)
    journal.add(0, 3, Relayed("an area", b"a", []))
    journal.add(0, 4, Relayed("an area", b"b", [("kind", b"decision")]))
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    again = RelayJournal(file)
    assert (again.holds(b"a"), again.holds(b"b"), again.ends()) == (True, False, {0: 4})
    again.add(0, 4, Relayed("an area", b"b", [("kind", b"decision")]))
    assert file.read_bytes() == whole
    assert RelayJournal(file).at(0, 4) == Relayed("an area", b"b", [("kind", b"decision")])
