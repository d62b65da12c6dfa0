"""The wire gives back what was put in, and refuses the rest with a reason."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metering.errors import FrameError, UnreadableMessage
from metering.messages import ArrivedFrame, Message, Tick
from metering.readings import READING_COLUMNS, SetAside
from streams.codecs import SCHEMA, Codec, decode, encode, stated_reading_count
from streams.packed import COLUMNS_OF_SCHEMA_1
from tests.unit.streams.samples import arrived_frames, content, frame, small_messages

CODECS: tuple[Codec, ...] = ("json", "packed")


@pytest.mark.parametrize("codec", CODECS)
@given(message=st.one_of(arrived_frames(), small_messages))
def test_what_was_encoded_is_decoded_exactly(codec: Codec, message: Message) -> None:
    value, headers = encode(message, codec)
    assert content(decode(value, headers)) == content(message)


@given(message=arrived_frames())
def test_both_codecs_say_the_same(message: ArrivedFrame) -> None:
    assert content(decode(*encode(message, "json"))) == content(decode(*encode(message, "packed")))


@given(
    garbage=st.binary(max_size=200),
    kind=st.sampled_from(["frame", "tick", "meter_events", "finding", "decision", "?"]),
    codec=st.sampled_from(["json", "packed", "?"]),
    count=st.binary(max_size=3) | st.just(b"3"),
)
@example(garbage=b"", kind="frame", codec="packed", count=b"1")
@example(garbage=b"[]", kind="tick", codec="json", count=b"0")
@example(garbage=b"null", kind="frame", codec="json", count=b"0")
def test_garbage_is_unreadable_and_nothing_worse(garbage: bytes, kind: str, codec: str, count: bytes) -> None:
    headers = {"kind": kind.encode(), "schema": b"1", "codec": codec.encode(), "count": count}
    with pytest.raises(UnreadableMessage):
        decode(garbage, headers)


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=60)
@given(
    message=arrived_frames(), st_cut=st.integers(1, 400), flips=st.lists(st.tuples(st.integers(0), st.integers(1, 255)))
)
def test_a_damaged_frame_is_read_or_refused_but_never_crashes(
    codec: Codec, message: ArrivedFrame, st_cut: int, flips: list[tuple[int, int]]
) -> None:
    value, headers = encode(message, codec)
    damaged = bytearray(value)
    for at, flip in flips[:5]:
        damaged[at % len(damaged)] ^= flip
    for sent in (bytes(damaged), value[: max(0, len(value) - st_cut)]):
        try:
            read = decode(sent, headers)
        except UnreadableMessage:
            continue
        assert isinstance(read, ArrivedFrame)
        assert all(v.shape == (len(read.meter_ids),) for v in read.columns.values())
        assert not any(np.isinf(v).any() for v in read.columns.values())


def test_words_for_no_number_and_wrong_types_are_set_aside_alone() -> None:
    body = {
        "transformer_area": "area-1",
        "interval_start_s": 0,
        "interval_minutes": 15,
        "meter_ids": ["a", "b", "c", "d", "e"],
        "columns": {"energy_kwh": [1.5, "Infinity", "abc", None, 10**30], "voltage_v": [230, 231, "NaN", True, None]},
        "stated_start": [None, None, None, None, "yesterday"],
    }
    read = decode(orjson.dumps(body | {"columns": {k: [v if v != 10**30 else 1e30 for v in c] for k, c in body["columns"].items()}}),  # type: ignore[attr-defined]
                  _headers("frame", count=4))  # fmt: skip
    assert isinstance(read, ArrivedFrame)
    assert read.faults == {
        1: SetAside.NOT_A_NUMBER,
        2: SetAside.TYPE,
        3: SetAside.TYPE,
        4: SetAside.TYPE,
    }
    assert read.raw == {
        1: {"energy_kwh": "Infinity"},
        2: {"energy_kwh": "abc", "voltage_v": "NaN"},
        3: {"voltage_v": "True"},
        4: {"interval_start": "yesterday"},
    }
    assert read.columns["energy_kwh"][0] == 1.5
    assert np.isnan(read.columns["energy_kwh"][1:4]).all()


def _headers(kind: str, *, schema: int = SCHEMA, codec: str = "json", count: int = 0) -> dict[str, bytes]:
    return {"kind": kind.encode(), "schema": b"%d" % schema, "codec": codec.encode(), "count": b"%d" % count}


def test_a_newer_schema_is_refused_with_both_versions() -> None:
    value, _ = encode(Tick(900))
    with pytest.raises(UnreadableMessage, match=r"schema 7 of a tick.*reads schemas 1 to 1.*upgrade"):
        decode(value, _headers("tick", schema=7))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": {"energy_kwh": [1.0]}}, "energy_kwh has 1 values for 3 meters"),
        ({"columns": {"energy_kwh": "1.0"}}, "energy_kwh has no list of values"),
        ({"columns": {"energy": [1.0, 2.0, 3.0]}}, "no column energy_kwh"),
        ({"columns": {"energy_kwh": [1.0, 2.0, 3.0], "watts": [1, 2, 3]}}, "unknown columns watts"),
        ({"transformer_area": 7}, "transformer_area: Input should be a valid string"),
        ({"interval_start_s": "2026-01-01"}, "interval_start_s: Input should be a valid integer"),
        ({"meter_ids": [1, 2, 3]}, "meter_ids.0"),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"stated_start": ["x"]}, "stated_start has 1 values for 3 meters"),
        ({"faults": {"9": "type"}}, "faults names row '9' of 3"),
        ({"faults": {"1": "boredom"}}, "boredom"),
    ],
)
def test_a_frame_of_the_wrong_shape_is_refused_by_name(change: dict[str, object], reason: str) -> None:
    body = {
        "transformer_area": "area-1",
        "interval_start_s": 0,
        "interval_minutes": 15,
        "meter_ids": ["a", "b", "c"],
        "columns": {"energy_kwh": [1.0, 2.0, None]},
    }
    assert isinstance(decode(orjson.dumps(body), _headers("frame", count=2)), ArrivedFrame)
    with pytest.raises(UnreadableMessage, match=reason):
        decode(orjson.dumps(body | change), _headers("frame", count=2))


@pytest.mark.parametrize("missing", ["kind", "schema", "codec", "count"])
def test_a_missing_header_is_named(missing: str) -> None:
    value, headers = encode(frame())
    with pytest.raises(UnreadableMessage, match=f"no header '{missing}'"):
        decode(value, [h for h in headers if h[0] != missing])


def test_unknown_fields_of_a_small_message_are_refused() -> None:
    with pytest.raises(UnreadableMessage, match="unknown fields speed"):
        decode(b'{"time_s": 900, "final": false, "speed": 3}', _headers("tick"))


def test_an_unreadable_message_is_counted_by_its_header_or_as_one() -> None:
    assert stated_reading_count([("count", b"41")]) == 41
    assert stated_reading_count([]) == 1
    assert stated_reading_count({"count": b"many"}) == 1


@pytest.mark.parametrize("codec", CODECS)
def test_an_infinity_does_not_leave_the_house(codec: Codec) -> None:
    broken = frame()
    broken.columns["energy_kwh"][1] = np.inf
    with pytest.raises(FrameError, match="infinity"):
        encode(broken, codec)


def test_packing_knows_every_column_and_never_renumbers_them() -> None:
    assert set(COLUMNS_OF_SCHEMA_1) == set(READING_COLUMNS)


def test_readings_of_three_decimals_take_four_bytes_each() -> None:
    rows = 1000
    energy_kwh = np.round(np.random.default_rng(1).gamma(2, 0.4, rows), 3)
    big = ArrivedFrame("a", 0, 15, tuple(f"m{i}" for i in range(rows)), {"energy_kwh": energy_kwh}, reading_count=rows)
    ids = sum(len(i) + 1 for i in big.meter_ids)
    assert len(encode(big, "packed")[0]) < 4 * rows + ids + 64
