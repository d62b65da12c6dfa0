"""Lines for InfluxDB: escaped tags, floats to the last bit, nothing for nothing."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.points import Point
from metering.ports import ReadingColumns
from storage.line_protocol import escaped, point_line, reading_lines


def test_a_point_is_one_line_with_sorted_tags_and_floats() -> None:
    tags = {"transformer_area": "TA 1", "service_point": "S,P", "grade": "high", "task_id": "t=1"}
    assert (
        point_line(Point("task", tags, 900), {"priority": 1, "risk": 0.1 + 0.2})
        == "task,grade=high,service_point=S\\,P,task_id=t\\=1,transformer_area=TA\\ 1 priority=1.0,risk=0.30000000000000004 900"
    )


def test_a_name_keeps_its_other_characters() -> None:
    assert escaped("变台 1,a=b\\c") == "变台\\ 1\\,a\\=b\\c"


def test_a_whole_frame_and_one_with_gaps_agree_line_by_line() -> None:
    columns = {"energy_kwh": np.array([0.25, 1e16, 3.0]), "voltage_v": np.array([230.1, 0.0, 1e-7])}
    whole = reading_lines(ReadingColumns("T%s", 900, ["M1", "M 2", "M3"], columns), [0, 1, 2])
    assert whole == [
        "reading,meter_id=M1,transformer_area=T%s energy_kwh=0.25,voltage_v=230.1 900",
        "reading,meter_id=M\\ 2,transformer_area=T%s energy_kwh=1e+16,voltage_v=0.0 900",
        "reading,meter_id=M3,transformer_area=T%s energy_kwh=3.0,voltage_v=1e-07 900",
    ]
    gaps = {"energy_kwh": np.array([0.25, math.nan, math.nan]), "voltage_v": np.array([230.1, math.inf, 1e-7])}
    assert reading_lines(ReadingColumns("T%s", 900, ["M1", "M 2", "M3"], gaps), [0, 1, 2]) == [
        whole[0],
        "reading,meter_id=M3,transformer_area=T%s voltage_v=1e-07 900",
    ]


def test_only_the_rows_asked_for_are_written() -> None:
    frame = ReadingColumns("TA", 900, ["M1", "", "M3"], {"energy_kwh": np.array([1.0, 2.0, 3.0])})
    assert [line.split()[0] for line in reading_lines(frame, [0, 2])] == [
        "reading,meter_id=M1,transformer_area=TA",
        "reading,meter_id=M3,transformer_area=TA",
    ]
    assert reading_lines(frame, []) == []
    assert reading_lines(ReadingColumns("TA", 900, ["M1"], {}), [0]) == []


@pytest.mark.parametrize("name", ["energy_kwh", "register_kwh"])
@given(st.lists(st.floats(), max_size=6))
def test_a_written_number_reads_back_to_the_last_bit(name: str, numbers: list[float]) -> None:
    meters = [f"M{i}" for i in range(len(numbers))]
    lines = reading_lines(ReadingColumns("TA", 900, meters, {name: np.array(numbers)}), range(len(numbers)))
    written = [float(found.group(1)) for line in lines if (found := re.search(rf" {name}=(\S+) 900$", line))]
    assert len(written) == len(lines)
    assert [repr(n) for n in written] == [repr(n) for n in numbers if math.isfinite(n)]
