"""A fault of the thresholds file is told with file, line, what is wrong and what to write, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from metering.errors import SettingsError
from monitor.thresholds import load_thresholds

WHERE = """[[abnormality.voltage_loss.where]]
wiring = "three_wire"
set = 0.7
[[abnormality.voltage_loss.where]]
set = 0.7
wirings = 3
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '# ours\n[abnormality.over_capacity]\nset = "1.3"\n',
            ", line 3: [abnormality.over_capacity]: set = '1.3' is text: write set = 1.3, without quotes, a number from 1 to 3",
        ),
        (
            '[case_probability]\nset_probability = "high"\n',
            ", line 2: [case_probability] set_probability = 'high' is text: write a",
        ),
        ("[case_probability]\nset_probabilty = 0.8\n", ", line 2: [case_probability] has no 'set_probabilty'"),
        ("[case_probabilty]\n", ", line 1: no detector is named [case_probabilty]"),
        ("over = 1\n", ", line 1: no detector is named [over]"),
        (
            WHERE,
            ", line 6: [[abnormality.voltage_loss.where]] no. 2: has no 'wirings'",
        ),
        ("[a]\nb = 0,8\n", "line 2, column 6"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_thresholds(file)
    assert str(refused.value).startswith(f"thresholds file {file}")
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.toml"
    with pytest.raises(SettingsError) as refused:
        load_thresholds(file)
    assert (
        str(refused.value)
        == f"thresholds file {file}: No such file or directory; name one that can be read, or leave it out"
    )


def test_no_file_is_no_threshold() -> None:
    assert load_thresholds(None) == {}
