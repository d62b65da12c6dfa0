"""The thresholds file: read and checked once, each fault told with file, line and what to write."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from detectors.bank import check_thresholds
from metering.errors import SettingsError, ThresholdError
from operations.area import Thresholds

_HEADER = re.compile(r"^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")


def load_thresholds(path: Path | None) -> Thresholds:
    """Detector thresholds of a TOML file, by detector name; none without a file.

    Raises `SettingsError` where it cannot be read, has what no detector knows, or a value out of range.
    """
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(
            f"thresholds file {path}: {error.strerror or error}; name one that can be read, or leave it out"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"thresholds file {path}: not UTF-8 text at byte {error.start}; save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"thresholds file {path}: {error}; write sections and numbers as in docs/thresholds.md, such as 0.75"
        ) from error
    try:
        check_thresholds(found)
    except ThresholdError as error:
        line = line_of(text, error.section, error.name, error.number)
        where = "" if line is None else f", line {line}"
        raise SettingsError(f"thresholds file {path}{where}: {error}") from error
    return found


def line_of(text: str, section: str, name: str = "", number: int = 1) -> int | None:
    """The line of `name` in the `number`-th section of that name, else the section's own; None where there is neither.

    >>> line_of("[a]\\nb = 1\\n\\n[c]\\nb = 2 # so\\n", "c", "b"), line_of("[a]\\n", "a", "b"), line_of("a.b = 1", "a", "b"), line_of("a = 1", "", "a")
    (5, 1, None, 1)
    """
    header, times, begins = "", int(not section), None
    for line, written in enumerate(text.splitlines(), 1):
        if (found := _HEADER.match(written)) is not None:
            header = found[1]
            times += header == section
            if header == section and times == number:
                begins = line
        elif header == section and times == number and re.match(rf'\s*"?{re.escape(name)}"?\s*=', written) and name:
            return line
    return begins
