"""Curves of one service point for the alert and task pages, shaped into ECharts options.

Times on the axis are the utility's local times: ECharts gets them shifted as if they were UTC, so that every browser
shows the same hours. A missing reading is a gap, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from desk.texts import Words
from metering.alert import Alert
from metering.curves import Curve, Curves
from metering.times import DAY_S, LocalCalendar

Window = Literal["onset", "latest", "days"]
WINDOWS: tuple[Window, ...] = get_args(Window)
Options = dict[str, Any]

BEFORE_ONSET_S = 4 * DAY_S
AFTER_ONSET_S = 8 * DAY_S
LATEST_S = 14 * DAY_S
DAYS_BEFORE_S = 45 * DAY_S
DAYS_LONGEST_S = 180 * DAY_S

PHASE_COLOURS = {"a": "#d9a514", "b": "#2fa36b", "c": "#d8554a"}
NEUTRAL_COLOUR = "#8d9bb0"
OBSERVED_COLOUR = "#4f9fe0"
EXPECTED_COLOUR = "#9a86e8"
LOSS_COLOUR = "#e0894a"
EPISODE_COLOUR = "rgba(224, 108, 84, 0.13)"
INK = {"dark": ("#a9b6c3", "#2b3642", "#1c242d", "#e6ebf0"), "light": ("#56636f", "#dde3e9", "#ffffff", "#16202a")}


@dataclass(frozen=True, slots=True)
class Episode:
    """From when until when something is suspected; `end_s` is None while it lasts."""

    start_s: int
    end_s: int | None


def episode_of(alerts: Sequence[Alert], begins_s: int = 0) -> Episode:
    """The time that `alerts` together speak of; without any it begins at `begins_s`."""
    if not alerts:
        return Episode(begins_s, None)
    start_s = min(a.since_s or a.raised_at_s for a in alerts)
    ends = [a.cleared_at_s for a in alerts]
    return Episode(start_s, None if None in ends else max(e for e in ends if e is not None))


def window_of(episode: Episode, window: Window, clock_s: int) -> tuple[int, int]:
    """[start, end) in epoch seconds of what a window shows, never beyond the log's clock."""
    latest_s = clock_s if episode.end_s is None else min(clock_s, episode.end_s + 2 * DAY_S)
    latest_s = max(latest_s, episode.start_s + 1)
    if window == "onset":
        start_s = episode.start_s - BEFORE_ONSET_S
        return start_s, min(latest_s, episode.start_s + AFTER_ONSET_S)
    if window == "latest":
        return latest_s - LATEST_S, latest_s
    return max(episode.start_s - DAYS_BEFORE_S, latest_s - DAYS_LONGEST_S), latest_s


# --- options


def load_options(curves: Curves, episode: Episode, calendar: LocalCalendar, say: Words, theme: str) -> Options:
    """Interval (or daily) energy observed against expected, the suspected episode shaded."""
    series = [
        _line(say("chart.observed"), curves.observed, calendar, OBSERVED_COLOUR, width=1.6, area=True),
        _line(say("chart.expected"), curves.expected, calendar, EXPECTED_COLOUR, dashed=True),
    ]
    if curves.by_day:
        del series[0]["areaStyle"]
        series[0] |= {"type": "bar", "barMaxWidth": 18, "itemStyle": {"borderRadius": [3, 3, 0, 0]}}
        # a day's bar stands at its noon, where the line of expected days passes too
        for line in series:
            line["data"] = [[at + 43_200_000, kwh] for at, kwh in line["data"]]
    series[0]["markArea"] = _shaded(episode, curves.end_s, calendar, say)
    return _chart([s for s in series if s["data"]] or series[:1], "kWh", theme, zoom=True)


def phase_options(
    named: Mapping[str, Curve],
    unit: str,
    curves: Curves,
    episode: Episode,
    calendar: LocalCalendar,
    say: Words,
    theme: str,
) -> Options:
    """Voltage or current by phase."""
    colours = PHASE_COLOURS | {"neutral": NEUTRAL_COLOUR}
    names = {p: say(f"chart.phase_{p}") for p in PHASE_COLOURS} | {p: say(f"chart.{p}") for p in ("mean", "neutral")}
    series = [_line(names[name], curve, calendar, colours.get(name, OBSERVED_COLOUR)) for name, curve in named.items()]
    series[0]["markArea"] = _shaded(episode, curves.end_s, calendar)
    return _chart(series, unit, theme, from_zero=False)


def balance_options(curves: Curves, episode: Episode, calendar: LocalCalendar, say: Words, theme: str) -> Options:
    """Supplied and metered energy of the area, and the share between them that was lost."""
    series = [
        _line(say("chart.supplied"), curves.supplied, calendar, OBSERVED_COLOUR),
        _line(say("chart.metered"), curves.metered, calendar, PHASE_COLOURS["b"]),
        _line(
            say("chart.loss"),
            tuple((at, None if v is None else round(100 * v, 2)) for at, v in curves.loss_share),
            calendar,
            LOSS_COLOUR,
        )
        | {"yAxisIndex": 1},
    ]
    series[0]["markArea"] = _shaded(episode, curves.end_s, calendar)
    options = _chart(series, "kWh", theme)
    muted, _, _, _ = INK[theme]
    second = dict(options["yAxis"]) | {
        "name": "",
        "splitLine": {"show": False},
        "axisLabel": {"color": muted, "formatter": "{value} %"},
    }
    options["yAxis"] = [options["yAxis"], second]
    return options


def _local_ms(at_s: int, calendar: LocalCalendar) -> int:
    offset = calendar.local(at_s).utcoffset()
    return 1000 * (at_s + (0 if offset is None else int(offset.total_seconds())))


def _line(
    name: str,
    curve: Curve,
    calendar: LocalCalendar,
    colour: str,
    *,
    width: float = 1.4,
    dashed: bool = False,
    area: bool = False,
) -> Options:
    shape: Options = {
        "name": name,
        "type": "line",
        "showSymbol": False,
        "data": [[_local_ms(at, calendar), None if v is None else round(v, 4)] for at, v in curve],
        "color": colour,
        "lineStyle": {"width": width, "type": [5, 4] if dashed else "solid"},
        "emphasis": {"disabled": True},
    }
    if area:
        shape["areaStyle"] = {"opacity": 0.12}
    return shape


def _shaded(episode: Episode, until_s: int, calendar: LocalCalendar, say: Words | None = None) -> Options:
    """The episode as a shaded area; its label only where `say` is given, the page's first chart."""
    end_s = until_s if episode.end_s is None else min(episode.end_s, until_s)
    return {
        "silent": True,
        "itemStyle": {"color": EPISODE_COLOUR},
        "label": {
            "show": say is not None,
            "position": "insideTopLeft",
            "color": "#d9694f",
            "fontSize": 11,
            "distance": 6,
        },
        "data": [
            [
                {"name": "" if say is None else say("chart.episode"), "xAxis": _local_ms(episode.start_s, calendar)},
                {"xAxis": _local_ms(end_s, calendar)},
            ]
        ],
    }


def _chart(series: list[Options], unit: str, theme: str, *, zoom: bool = False, from_zero: bool = True) -> Options:
    muted, line, surface, text = INK[theme]
    options: Options = {
        "useUTC": True,
        "animation": False,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 8, "right": 12, "top": 44, "bottom": 52 if zoom else 10, "containLabel": True},
        "legend": {
            "top": 2,
            "right": 8,
            "textStyle": {"color": muted},
            "itemWidth": 18,
            "itemHeight": 8,
            "icon": "roundRect",
        },
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": surface,
            "borderColor": line,
            "textStyle": {"color": text, "fontSize": 12},
            "confine": True,
        },
        "xAxis": {
            "type": "time",
            "axisLine": {"lineStyle": {"color": line}},
            "axisLabel": {
                "color": muted,
                "hideOverlap": True,
                "formatter": {"year": "{yyyy}", "month": "{MM}-{dd}", "day": "{MM}-{dd}", "hour": "{HH}:{mm}"},
            },
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "name": unit,
            "scale": not from_zero,
            "nameTextStyle": {"color": muted, "align": "left"},
            "axisLabel": {"color": muted},
            "splitLine": {"lineStyle": {"color": line}},
        },
        "series": series,
    }
    if zoom:
        options["dataZoom"] = [
            {
                "type": "slider",
                "height": 18,
                "bottom": 10,
                "borderColor": line,
                "textStyle": {"color": muted},
                "fillerColor": "rgba(79, 159, 224, 0.14)",
                "handleStyle": {"color": muted, "borderColor": muted},
                "moveHandleSize": 0,
                "dataBackground": {"lineStyle": {"color": muted, "opacity": 0.5}, "areaStyle": {"opacity": 0.1}},
                "selectedDataBackground": {"lineStyle": {"color": OBSERVED_COLOUR}, "areaStyle": {"opacity": 0.15}},
            },
            {"type": "inside", "zoomOnMouseWheel": "ctrl", "moveOnMouseMove": False},
        ]
    return options
