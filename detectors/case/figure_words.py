"""What every figure of the day experts says to a person, in English and Chinese, with its value in the units of the trade.

The sentences stand in `figure_words.toml`, one entry a figure; a new expert's figures need theirs there.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from metering.archive import NOMINAL_VOLTAGE_V
from metering.errors import SettingsError

FILE = Path(__file__).with_name("figure_words.toml")
Suspect = Literal["high", "low", "both", "context"]
#: From here on a rise is said as a multiple.
_MULTIPLE_FROM = 3.0
#: What the logarithm of a usual energy has added to it (kWh).
_ADDED_TO_USUAL_KWH = 0.1
#: Of an energy more than this is not believed, nor a multiple.
_MOST_TIMES = 100.0


class Both(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class FigureWords:
    """How one figure is told. `says` is the sentence of a notable value, `calm` that of any other.

    A value is notable beyond `above` (suspect high) or under `below` (low), or either (both). Figures that are "context" say nothing
    for or against by themselves. `spoken_by` is another figure that says the same better; `of_homes`: it is said of homes only.
    `of_kinds` are the kinds of suspicion it may speak for, empty = all.
    """

    expert: str
    topic: str
    form: str
    suspect: Suspect
    below: float
    above: float
    says: Both
    calm: Both
    signs: tuple[Both, Both] | None
    beside: str
    beside_below: bool
    says_beside: Both | None
    spoken_by: str
    of_homes: bool
    of_kinds: tuple[str, ...]

    def is_notable(self, value: float) -> bool:
        """Whether the value may speak for a suspicion."""
        return (self.suspect in ("high", "both") and value > self.above) or (
            self.suspect in ("low", "both") and value < self.below
        )

    def stands_beside(self, value: float, *, below: bool) -> bool:
        """Whether the value may stand in another figure's sentence."""
        if self.suspect == "context":
            return math.isfinite(value)
        return self.is_notable(value) and (value < 0) == below

    def is_said_of(self, others: Mapping[str, float]) -> bool:
        """Whether it can be said of the meter with these figures; what compares with homes is said of homes only."""
        return not self.of_homes or others.get("residential") == 1

    def spoken(self, value: float, others: Mapping[str, float]) -> tuple[FigureWords, float]:
        """(the words, their value) that say this value best: its own, or those of `spoken_by` where that moved the same way."""
        speaker, speaks = figure_words().get(self.spoken_by), others.get(self.spoken_by, math.nan)
        if speaker is None or not speaker.is_notable(speaks):
            return self, value
        another_way = self.suspect == "both" and (value < 0) != (speaks < 0)
        return (self, value) if another_way else speaker.spoken(speaks, others)

    def sentence(self, value: float, others: Mapping[str, float] = MappingProxyType({})) -> Both:
        """The value as a person reads it; `others` are the figures that may stand beside it, by name.

        >>> figure_words()["log_level"].sentence(-0.478).en
        "recent days are 38 % below the meter's usual energy, beyond what similar customers did"
        >>> figure_words()["event_strength"].sentence(0.8, {"days_since_event": 2.0}).en
        'the meter itself reported a suspicious event 2 days ago: a cover, a magnet, parameters or the clock'
        """
        of_context = self.suspect == "context" and (self.form != "flag" or value > self.above)
        told = self.says if of_context or self.is_notable(value) else self.calm
        shown = FORMS[self.form](value)
        sign = self.signs[value < 0] if self.signs is not None else Both("", "")
        beside = Both("", "")
        other, words = others.get(self.beside, math.nan), figure_words().get(self.beside)
        fits = words is not None and words.stands_beside(other, below=self.beside_below)
        if told is self.says and self.says_beside is not None and words is not None and fits:
            told, beside = self.says_beside, FORMS[words.form](other)
        return Both(
            told.en.format(value=shown.en, less=sign.en, beside=beside.en),
            told.zh.format(value=shown.zh, less=sign.zh, beside=beside.zh),
        )


@lru_cache(maxsize=1)
def figure_words() -> Mapping[str, FigureWords]:
    """Every figure's words, by its name. Raises `SettingsError` where the file is wrong, naming the entry."""
    with FILE.open("rb") as file:
        experts = tomllib.load(file)
    return {name: _words(expert, name, told) for expert, figures in experts.items() for name, told in figures.items()}


def _words(expert: str, name: str, told: Mapping[str, Any]) -> FigureWords:
    try:
        within = float(told.get("within", math.inf))
        signs = told.get("less")
        words = FigureWords(
            expert,
            told["topic"],
            told["form"],
            told["suspect"],
            float(told.get("below", -within)),
            float(told.get("above", within)),
            Both(*told["says"]),
            Both(*told["calm"]),
            None if signs is None else (Both(signs[0][0], signs[1][0]), Both(signs[0][1], signs[1][1])),
            told.get("beside", ""),
            bool(told.get("beside_below", False)),
            Both(*told["says_beside"]) if "says_beside" in told else None,
            told.get("spoken_by", ""),
            bool(told.get("of_homes", False)),
            tuple(told.get("of_kinds", ())),
        )
    except (KeyError, TypeError) as error:
        raise SettingsError(f"{FILE.name}: [{expert}.{name}] lacks {error}; see the head of the file") from error
    if words.form not in FORMS:
        raise SettingsError(f"{FILE.name}: [{expert}.{name}] has no form {words.form!r}; there are {', '.join(FORMS)}")
    return words


# --- values as people read them


def figure(value: float) -> str:
    """Two significant digits below ten, none after the point above.

    >>> figure(4.257), figure(0.0123), figure(1234.5)
    ('4.3', '0.012', '1,234')
    """
    size = abs(value)
    if size >= 10:
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.2g}"


def percent(share: float) -> str:
    """
    >>> percent(0.384), percent(0.004)
    ('38 %', '0.4 %')
    """
    size = 100 * abs(share)
    return f"{size:.0f} %" if size >= 1 or size == 0 else f"{size:.1g} %"


def _ratio(log: float) -> Both:
    """A logarithm of a ratio as what is above or below."""
    times = math.exp(min(log, math.log(_MOST_TIMES)))
    if times >= _MULTIPLE_FROM:
        return Both(f"{figure(times)} times", f"高，为其 {figure(times)} 倍")
    if times >= 1:
        return Both(f"{percent(times - 1)} above", f"高 {percent(times - 1)}")
    return Both(f"{percent(1 - times)} below", f"低 {percent(1 - times)}")


def _ratio_down(log: float) -> Both:
    return _ratio(-log)


def _points(share: float) -> Both:
    size = figure(abs(100 * share))
    return Both(
        f"{size} percentage points {'more' if share >= 0 else 'less'}",
        f"{'高' if share >= 0 else '低'} {size} 个百分点",
    )


def _more_or_less(share: float) -> Both:
    return Both(
        f"{percent(share)} {'more' if share >= 0 else 'less'}", f"{'多' if share >= 0 else '少'} {percent(share)}"
    )


def _kwh(kwh: float) -> Both:
    return Both(f"{figure(abs(kwh))} kWh a day", f"{figure(abs(kwh))} kWh")


def _kwh_of_log(log: float) -> Both:
    kwh = max(math.exp(log) - _ADDED_TO_USUAL_KWH, 0.0)
    return Both(f"{figure(kwh)} kWh a day", f"每日 {figure(kwh)} kWh")


def _lag(hours: float) -> Both:
    size = figure(abs(hours))
    return Both(f"{size} h {'later' if hours >= 0 else 'earlier'}", f"{'晚' if hours >= 0 else '早'} {size} 小时")


def _difference(value: float) -> Both:
    size = f"{abs(value):.2f}"
    return Both(f"{size} {'higher' if value >= 0 else 'lower'}", f"{'高' if value >= 0 else '低'} {size}")


def _nominal(share: float) -> Both:
    volts = f"{figure(share * NOMINAL_VOLTAGE_V)} V"
    return Both(f"{volts} ({percent(share)} of nominal)", f"{volts}（额定的 {percent(share)}）")


def _nominal_change(share: float) -> Both:
    volts = f"{figure(abs(share) * NOMINAL_VOLTAGE_V)} V"
    return Both(volts, volts)


def _days(days: float) -> Both:
    size = f"{days:.0f}"
    return Both(f"{size} {'day' if size == '1' else 'days'}", f"{size} 天")


def _times(times: float) -> Both:
    if times < 1:
        return Both(f"{percent(times)} of", f" {percent(times)}")
    return Both(f"{figure(times)} times", f" {figure(times)} 倍")


def _errors(errors: float) -> Both:
    # one below nothing says no more than none
    shown = figure(max(errors, 0.0))
    return Both(f"{shown} standard errors", f"{shown} 倍标准误")


def _six_hours(begin: float) -> Both:
    first, last = int(begin) % 24, (int(begin) + 6) % 24
    return Both(f"{first:02d}:00 to {last:02d}:00", f"{first:02d}:00–{last:02d}:00")


def _alike(text: str) -> Both:
    return Both(text, text)


#: How a figure's value is shown: a logarithm as a percentage, a share, kWh a day, volts, hours, days, what chance allows.
FORMS: Mapping[str, Callable[[float], Both]] = {
    "ratio": _ratio,
    "ratio_down": _ratio_down,
    "share": lambda share: _alike(percent(share)),
    "points": _points,
    "more_or_less": _more_or_less,
    "kwh": _kwh,
    "kwh_of_log": _kwh_of_log,
    "volts": lambda volts: _alike(f"{figure(abs(volts))} V"),
    "nominal": _nominal,
    "nominal_change": _nominal_change,
    "sigma": lambda times: Both(f"{figure(abs(times))} times", f" {figure(abs(times))} 倍"),
    "errors": _errors,
    "lag": _lag,
    "days": _days,
    "six_hours": _six_hours,
    "times": _times,
    "plain": lambda value: _alike(f"{value:.2f}"),
    "plain_change": lambda value: _alike(f"{abs(value):.2f}"),
    "difference": _difference,
    "flag": lambda _: _alike(""),
}
