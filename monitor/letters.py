"""`dead-letters`: what could not be read, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metering.errors import MeterwatchError, SettingsError
from monitor.settings import Settings, load_settings
from streams.dead_letter_log import accept_dead_letters, list_dead_letters, retry_dead_letters
from streams.dead_letters import DeadLetter
from streams.topics import AREAS, DEAD_LETTERS

SHOWN_BYTES = 80


def _broker(settings: Settings) -> str:
    if settings.kafka_url is None:
        raise SettingsError(
            "METERWATCH_KAFKA_URL is missing: dead letters lie on Kafka (a replay counts its own in report.json)"
        )
    return f"kafka://{settings.kafka_url.removeprefix('kafka://')}"


def _name(letter: DeadLetter) -> str:
    return f"{letter.partition}/{letter.offset}"


def list_letters(limit: int) -> Iterator[str]:
    settings = load_settings()
    book = list_dead_letters(_broker(settings), dead_letters=settings.topic_prefix + DEAD_LETTERS.name)
    letters = book.open_letters()
    yield f"{len(letters)} dead letters" + (
        f", the newest {limit}:" if len(letters) > limit else ":" if letters else ""
    )
    for letter in letters[-limit:]:
        area = (letter.key or b"?").decode(errors="replace")
        start = (letter.value or b"")[:SHOWN_BYTES].decode(errors="replace")
        yield f"{_name(letter)}  area {area}  {letter.reading_count} readings  {letter.reason}  {start!r}"


def retry_letters(ids: Sequence[str], by: str) -> str:
    settings = load_settings()
    wanted = {_position(text) for text in ids}
    again = retry_dead_letters(
        _broker(settings),
        by=by,
        chosen=wanted or None,
        areas=settings.topic_prefix + AREAS.name,
        dead_letters=settings.topic_prefix + DEAD_LETTERS.name,
    )
    done = f"{len(again)} dead letters are on the log again"
    if unknown := wanted - {(letter.partition, letter.offset) for letter in again}:
        names = ", ".join(f"{partition}/{offset}" for partition, offset in sorted(unknown))
        raise MeterwatchError(f"{done}, but there is no open letter {names}: see `meterwatch dead-letters list`")
    return done


def _position(text: str) -> tuple[int, int]:
    partition, slash, offset = text.partition("/")
    if not slash or not partition.isdecimal() or not offset.isdecimal():
        raise SettingsError(f"{text!r} names no dead letter: write partition/offset as `dead-letters list` shows it")
    return int(partition), int(offset)


def accept_letters(by: str, partitions: Sequence[int] | None) -> str:
    settings = load_settings()
    through = accept_dead_letters(
        _broker(settings),
        by=by,
        partitions=partitions,
        areas=settings.topic_prefix + AREAS.name,
        dead_letters=settings.topic_prefix + DEAD_LETTERS.name,
    )
    if not through:
        return "there is nothing to accept"
    return "accepted: " + ", ".join(f"partition {p} up to offset {o}" for p, o in sorted(through.items()))
