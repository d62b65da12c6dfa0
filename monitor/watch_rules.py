"""The file with other limits for the alarms of the monitor itself: read and checked once."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alerts.watch import RULES, WatchRule
from metering.errors import SettingsError
from metering.ranges import number_fault

_NUMBERS = {
    "set": "set",
    "recover": "recover",
    "set_after_seconds": "set_after_s",
    "clear_after_seconds": "clear_after_s",
}
_URGENCIES = ("page", "morning", "none")


def load_watch_rules(path: Path | None) -> Mapping[str, WatchRule]:
    """The rules of the watch, with the file's changes: a section per rule with `set`, `recover`, `set_after_seconds`,
    `clear_after_seconds`, `urgency` or `enabled`. Raises `SettingsError` naming the file and what to write."""
    if path is None:
        return RULES
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"METERWATCH_WATCH_RULES: {path}: {error}") from error
    rules = dict(RULES)
    for code, changes in found.items():
        if code not in rules or not isinstance(changes, dict):
            raise SettingsError(f"{path}: [{code}] is no rule of the watch; its rules are {', '.join(RULES)}")
        rules[code] = _changed(path, rules[code], changes)
    return rules


def _changed(path: Path, rule: WatchRule, changes: Mapping[str, Any]) -> WatchRule:
    where = f"{path}: [{rule.code}]"
    given: dict[str, Any] = {}
    for name, value in changes.items():
        if name in _NUMBERS:
            if (
                fault := number_fault(name, value, 0.0, math.inf, rule.unit if name in ("set", "recover") else "s")
            ) is not None:
                raise SettingsError(f"{where} {fault}")
            given[_NUMBERS[name]] = float(value)
        elif (name == "enabled" and isinstance(value, bool)) or (name == "urgency" and value in _URGENCIES):
            given[name] = value
        else:
            raise SettingsError(
                f"{where} {name} = {value!r}: write {', '.join(_NUMBERS)} with a number, urgency with "
                f"{' or '.join(_URGENCIES)}, enabled with true or false"
            )
    changed = replace(rule, **given)
    if changed.recover >= changed.set:
        raise SettingsError(f"{where} recover = {changed.recover:g} must be below set = {changed.set:g}")
    return changed
