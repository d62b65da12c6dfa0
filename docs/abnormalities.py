"""The page of every abnormality: what the catalogue says of it, who judges it, and which tests speak of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from metering.catalogue import CATALOGUE, FAMILIES, SUPPRESSIONS, Abnormality, Limit
from metering.meter_events import SCHEMES

_ROOT = Path(__file__).parents[1]
#: Where a code in quotes is a test of it, and no mere example.
_TESTS = ("tests/unit/alerts", "tests/unit/detectors", "tests/unit/metering", "tests/unit/operations", "tests/replay")
_COLUMNS = ("abnormality", "signal and inputs", "set and recover", "minutes", "severity", "hidden by", "codes of others",
            "judged by", "tests")  # fmt: skip


def abnormalities(said_by: Mapping[str, Sequence[str]]) -> str:
    """The generated part of `docs/abnormalities.md`; `said_by` names the detectors of each code."""
    judged = [row for row in CATALOGUE.values() if _judged(row, said_by)[0]]
    lines = [
        f"{len(CATALOGUE)} abnormalities, {len(judged)} of them judged: by readings, by the meters' own events, or by both.",
        "",
        "| hidden by | meaning |",
        "| --- | --- |",
        *(f"| {name} | {meaning} |" for name, meaning in SUPPRESSIONS.items()),
        "",
        "| codes of others | |",
        "| --- | --- |",
        *(f"| `{scheme}:` | {meaning} |" for scheme, meaning in SCHEMES.items()),
    ]
    for family in FAMILIES:
        lines += ["", f"### {family.replace('_', ' ')}", "", _line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
        lines += [_line(_cells(row, said_by)) for row in CATALOGUE.values() if row.family == family]
    return "\n".join(lines)


def _cells(row: Abnormality, said_by: Mapping[str, Sequence[str]]) -> list[str]:
    minutes = f"{row.set_after_minutes} / {row.clear_after_minutes}"
    codes = [f"`{code}`" for code in row.events] + [f"`{code}` ends" for code in row.ends]
    return [
        f"`{row.code}` {row.catalogue_id} {row.name_en} {row.name_zh}",
        f"{row.signal}: {', '.join(row.inputs)} ({row.trust}, {row.source})",
        "" if row.limit is None else _limit(row.limit),
        "" if row.level == "event" else minutes,
        row.severity if row.lane != "hazard" else "danger",
        ", ".join(row.suppressed_by),
        ", ".join(codes),
        _judged(row, said_by)[1],
        ", ".join(f"[{name}](../{path})" for name, path in tests_of(row.code)),
    ]


def _limit(limit: Limit) -> str:
    said = [f"{limit.set:g} -> {limit.recover:g} {limit.unit}"]
    said.append(
        f"[{limit.set_range[0]:g} to {limit.set_range[1]:g}, {limit.recover_range[0]:g} to {limit.recover_range[1]:g}]"
    )
    for special in limit.where:
        who = " ".join(w for w in (special.customer_class, special.voltage_level, special.wiring) if w)
        said.append(f"; {who} {special.set:g} -> {special.recover:g}")
    return " ".join(said)


def _judged(row: Abnormality, said_by: Mapping[str, Sequence[str]]) -> tuple[bool, str]:
    """(whether anybody judges it, by whom; or what is missing)."""
    who = [f"`{name}`" for name in said_by.get(row.code, ())]
    if row.own_event == "alert":
        who.append("the meter's own event")
    if row.judged_by:
        who.append(f"`{row.judged_by}`, which counts it")
    if who:
        return True, ", ".join(who)
    if row.own_event is not None:
        who.append(
            f"the meter's own event, which {'weighs in the day' if row.own_event == 'evidence' else 'is counted'}"
        )
    if row.covered_by:
        who.append(f"covered by `{row.covered_by}`")
    elif row.needs:
        who.append(f"not judged from readings: needs {row.needs}")
    elif row.level != "event":
        who.append("not judged from readings yet")
    return False, "; ".join(who)


@cache
def _tests() -> tuple[tuple[str, frozenset[str]], ...]:
    """(path, the words in quotes) of every test that may speak of a code."""
    found = []
    for folder in _TESTS:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".json") and path.is_file():
                words = frozenset(re.findall(r"[\"']([a-z_]+)[\"']", path.read_text(encoding="utf-8")))
                found.append((path.relative_to(_ROOT).as_posix(), words))
    return tuple(found)


def tests_of(code: str) -> list[tuple[str, str]]:
    """(short name, path) of the tests in which the code stands in quotes."""
    return [(Path(path).stem.removeprefix("test_"), path) for path, words in _tests() if code in words]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
