"""Numbers that people write into files: what is wrong with one, and what to write instead."""

from __future__ import annotations


def number_fault(name: str, value: object, low: float, high: float, unit: str) -> str | None:
    """What is wrong with `name = value`, and what to write; None for a number from `low` to `high`.

    >>> number_fault("set", "0.75", 1.0, 3.0, "1")
    "set = '0.75' is text: write set = 0.75, without quotes, a number from 1 to 3"
    >>> number_fault("set", 0.75, 1.0, 3.0, "kW"), number_fault("set", 2, 1.0, 3.0, "kW")
    ('set = 0.75 is out of range: write a number from 1 to 3 kW', None)
    """
    wanted = f"a number from {low:g} to {high:g}" + ("" if unit == "1" else f" {unit}")
    if isinstance(value, str):
        return f"{name} = {value!r} is text: write {_unquoted(name, value)}{wanted}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"{name} = {value!r} is no number: write {wanted}"
    if not low <= value <= high:
        return f"{name} = {value:g} is out of range: write {wanted}"
    return None


def _unquoted(name: str, value: str) -> str:
    try:
        float(value)
    except ValueError:
        return ""
    return f"{name} = {value}, without quotes, "
