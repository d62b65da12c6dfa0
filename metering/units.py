"""Units of evidence as people read them, in English and Chinese; a new unit of a `Signal` needs its words here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class UnitWords(NamedTuple):
    """What stands behind a number: of one, of any other number, and in Chinese. `counts`: none of it is nothing to expect."""

    one: str
    many: str
    zh: str
    counts: bool = False

    def shown(self, number: str, *, chinese: bool) -> str:
        """
        >>> UNITS["d"].shown("1", chinese=False), UNITS["d"].shown("3", chinese=True), UNITS["1"].shown("0.4", chinese=False)
        ('1 day', '3 天', '0.4')
        """
        word = self.zh if chinese else self.one if number == "1" else self.many
        return f"{number} {word}".rstrip()


def _alike(symbol: str) -> UnitWords:
    return UnitWords(symbol, symbol, symbol)


UNITS: Mapping[str, UnitWords] = {
    "1": _alike(""),
    "V": _alike("V"),
    "A": _alike("A"),
    "kW": _alike("kW"),
    "kVA": _alike("kVA"),
    "kWh": _alike("kWh"),
    "kWh/d": UnitWords("kWh a day", "kWh a day", "kWh/日"),
    "CNY/kWh": UnitWords("CNY/kWh", "CNY/kWh", "元/kWh"),
    "h": UnitWords("h", "h", "小时"),
    "d": UnitWords("day", "days", "天", counts=True),
    "events": UnitWords("event", "events", "次事件", counts=True),
    "intervals": UnitWords("interval", "intervals", "个时段", counts=True),
    "meters": UnitWords("meter", "meters", "块表", counts=True),
    "outages": UnitWords("outage", "outages", "次停电", counts=True),
    "readings": UnitWords("reading", "readings", "条读数", counts=True),
}


def unit_words(unit: str) -> UnitWords:
    """The words of a unit; one that has none is shown as it stands, for no alert may fail over a word."""
    return UNITS.get(unit) or _alike(unit)


class FigureNames(NamedTuple):
    """What the two figures of an alert are: (English, Chinese) of what was seen, and of what it is held against."""

    observed: tuple[str, str]
    expected: tuple[str, str]


_USUAL = FigureNames(("observed", "实测"), ("expected", "应有"))
_CONTRACT = FigureNames(("observed", "实测"), ("contracted", "合同容量"))
_DECLARED = FigureNames(("declared", "申报"), ("allowed", "最高允许"))


def figure_names(abnormality: str, unit: str) -> FigureNames:
    """
    >>> [name.expected[1] for name in (figure_names("over_capacity", "kW"), figure_names("resale", "CNY/kWh"), figure_names("bypass", "kWh/d"))]
    ['合同容量', '最高允许', '应有']
    """
    if unit.endswith("/kWh"):
        return _DECLARED
    return _CONTRACT if abnormality == "over_capacity" and unit == "kW" else _USUAL
