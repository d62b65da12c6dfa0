"""Topics, keys and the limit of dead letters, without a server."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from metering.errors import SettingsError
from streams.dead_letters import DeadLetterBook, DeadLetterLimit, accepted_headers, letter_headers, retried_headers
from streams.partitioning import message_key, partition_of
from streams.topics import TOPICS, bootstrap_servers, topics_table


@given(area=st.text(min_size=1), partitions=st.integers(1, 60))
def test_an_area_rides_where_kafkas_own_partitioner_puts_its_key(area: str, partitions: int) -> None:
    assert partition_of(area, partitions) == (murmur2(message_key(area)) & 0x7FFFFFFF) % partitions
    everywhere = list(range(partitions))
    assert partition_of(area, partitions) == DefaultPartitioner()(message_key(area), everywhere, everywhere)


def test_the_table_of_topics_has_every_topic() -> None:
    assert all(f"| `{topic.name}` |" in topics_table() for topic in TOPICS)


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://a:1", ["a:1"]),
        ("kafka://a:1;kafka://b:2", ["a:1", "b:2"]),
        ("a:1,b:2", ["a:1", "b:2"]),
    ],
)
def test_a_kafka_url_names_its_servers(url: str, servers: list[str]) -> None:
    assert bootstrap_servers(url) == servers


def test_the_limit_looks_at_the_last_messages_only() -> None:
    limit = DeadLetterLimit(share=0.05, window=10_000, least=1_000)
    scattered = list(range(0, 100_000, 25))
    assert not limit.is_passed(100_000, scattered, -1)
    bunched = scattered + list(range(100_000, 100_200))
    assert limit.is_passed(100_199, bunched, -1)
    assert not limit.is_passed(100_199, bunched, 100_199)


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.5}, {"least": 0}, {"window": 10, "least": 11}])
def test_a_limit_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="dead letter limit"):
        DeadLetterLimit(**wrong)  # type: ignore[arg-type]


def test_a_book_counts_a_letter_once_however_often_it_was_delivered() -> None:
    book = DeadLetterBook()
    for offset in (4, 9, 4):
        book.read(b"k", b"v", letter_headers("areas", 2, offset, "why", [("count", b"3")]))
    assert book.refused == {2: [4, 9]}
    assert [(letter.offset, letter.reading_count, letter.headers) for letter in book.open_letters()] == [
        (4, 3, (("count", b"3"),)),
        (9, 3, (("count", b"3"),)),
    ]
    book.read(None, b"hello?", [("from", b"a stranger")])
    assert (book.strangers, len(book.letters)) == (1, 2)
    book.read(None, None, retried_headers("areas", 2, 4, "Li Wei"))
    book.read(None, None, accepted_headers("areas", 2, 9, "Li Wei"))
    book.read(None, None, accepted_headers("areas", 2, 4, "Li Wei"))
    assert [letter.offset for letter in book.open_letters()] == [9]
    assert book.accepted_through == {2: 9}
