"""The dashboards as code. ``python -m grafana.dashboards`` writes `grafana/generated/*.json`, which Grafana provisions.

Change a panel here, run the command, commit both: a test holds the files to the code.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alerts.life import HIGH_RISK, MEDIUM_RISK
from alerts.watch import RULES
from grafana import flux
from grafana.panels import Column, Constant, Dashboard, Link, Panel, Threshold, Variable
from metering.catalogue import CATALOGUE, FAMILIES

GENERATED = Path(__file__).parent / "generated"
DESK_URL = "http://127.0.0.1:8080"
CONTROL_ROOM_UID = "meterwatch-control-room"
AREA_UID = "meterwatch-area"
TAG = "meterwatch"

#: Grafana quotes and escapes the chosen name itself.
_AREA = "${area:doublequote}"
_TO_ALERT = Link("Open on the desk", "${desk_url}/alerts/${__value.raw}")
_TO_TASK = Link("Open on the desk", "${desk_url}/tasks/${__value.raw}")
_TO_AREA = Link("Look at this area", f"/d/{AREA_UID}?var-area=${{__value.raw}}&${{__url_time_range}}")

_GRADES = {"high": "red", "medium": "orange", "low": "yellow"}
_RISK = (Threshold(MEDIUM_RISK, "orange"), Threshold(HIGH_RISK, "red"))
_LOSS = (Threshold(0.05, "orange"), Threshold(0.10, "red"))
_LAG = (Threshold(60, "orange"), Threshold(300, "red"))
_ANY_IS_BAD = (Threshold(1, "red"),)

_TIME = Column("_time", "dateTimeAsIso", "Time")
_ABNORMALITY = Column("abnormality", "string", "Suspected abnormality", width=190)
_IN_AREA = Column("transformer_area", "string", "Transformer area", link=_TO_AREA)
_METER = Column("meter_id", "string", "Meter")
_ALERT = Column("alert_id", "string", "Alert", link=_TO_ALERT)
_RISK_COLUMN = Column("risk", "percentunit", "Risk", decimals=0, thresholds=_RISK, width=70)
_GRADE = Column("grade", "string", "Grade", words=_GRADES, width=80)
_LOSS_SHARE = Column("loss_share", "percentunit", "Line loss", decimals=1, thresholds=_LOSS)
_SUPPLIED = Column("supplied_kwh", "kwatth", "Supplied", decimals=1, colour="blue")
_METERED = Column("metered_kwh", "kwatth", "Metered", decimals=1, colour="green")
_LINES = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
_STACKED_BARS = {"drawStyle": "bars", "fillOpacity": 70, "lineWidth": 0, "stacking": {"mode": "normal", "group": "A"}}
_STATES = {"open": "red", "confirmed": "purple", "over": "green", "withdrawn": "text"}
_WATCH_STATES = {"open": "red", "open, not judged": "red", "not judged": "orange", "well": "green"}
_NEWEST = (
    Column("changed_at", "dateTimeAsIso", "Changed", width=170),
    Column("state", "string", "State", words=_STATES, width=90),
    _GRADE,
    _ABNORMALITY,
    _IN_AREA,
    _METER,
    _RISK_COLUMN,
    Column("missing_kwh", "kwatth", "Missing energy", decimals=1),
    Column("worth_kwh", "kwatth", "Since the onset", decimals=1),
    Column("worth_kwh_low", "kwatth", "at least (80 %)", decimals=1),
    Column("worth_kwh_high", "kwatth", "at most (80 %)", decimals=1),
    _ALERT,
)


def _stat(panel_id: int, x: int, title: str, description: str, query: str, column: Column, empty: str) -> Panel:
    return Panel(panel_id, "stat", title, description, x, 0, 4, 4, (query,), (column,), empty, column.thresholds)


def _energy(panel_id: int, x: int, y: int, area: str | None) -> Panel:
    return Panel(
        panel_id,
        "timeseries",
        "Supplied and metered energy per hour",
        "What the supply meters took in and what the customers' meters measured, per clock hour, net of export. The gap "
        "is line loss, technical and non-technical; in hours with missing readings it also holds those.",
        x,
        y,
        12,
        8,
        (flux.energy_per_hour(area),),
        (_TIME, _SUPPLIED, _METERED),
        "No energy balance in this range",
        custom=_LINES,
        colour_mode="palette-classic",
    )


def _newest(panel_id: int, x: int, y: int, width: int, area: str | None) -> Panel:
    return Panel(
        panel_id,
        "table",
        "Newest alerts",
        "Alerts raised or ended in this range, the newest change first: suspicions of the machine until a person finds.",
        x,
        y,
        width,
        9,
        (flux.newest_alerts(area),),
        _NEWEST,
        "No alert was raised or ended in this range",
    )


def _heat(panel_id: int, x: int, y: int, width: int, area: str | None) -> Panel:
    words = FAMILIES if area is None else tuple(CATALOGUE)
    kind = "family" if area is None else "abnormality"
    return Panel(
        panel_id,
        "status-history",
        f"Evidence by {kind}",
        "Strength of all evidence above its recover value, summed per hour: where something begins before an alert is "
        "raised.",
        x,
        y,
        width,
        8,
        (flux.evidence_heat(area),),
        (_TIME, *(Column(word, "none", word.replace("_", " "), decimals=1) for word in words)),
        "No evidence in this range",
        min_interval="1h",
        max_points=100,
        custom={"lineWidth": 0, "fillOpacity": 85},
        colour_mode="continuous-YlRd",
    )


def control_room(desk_url: str = DESK_URL) -> Dashboard:
    """What the control room looks at all day: the open alerts, the hazards, the losses, and the monitor itself."""
    alerts = Column("alerts", "none", "Open alerts", thresholds=(Threshold(1, "orange"),))
    hazards = Column("alerts", "none", "Open hazards", thresholds=_ANY_IS_BAD)
    readings = Column("readings", "suffix: /min", "Readings judged per minute", decimals=0)
    lag = Column("lag_s", "s", "Lag", decimals=0, thresholds=_LAG)
    panels = (
        _stat(
            1,
            0,
            "Open alerts",
            "Alerts of all lanes that are raised now.",
            flux.open_alert_count(),
            alerts,
            "0",
        ),
        _stat(
            2,
            4,
            "Open hazards",
            "Dangerous conditions: they rank by harm, in a lane of their own, never by energy.",
            flux.open_alert_count(hazards=True),
            hazards,
            "0",
        ),
        _stat(
            3,
            8,
            "Open inspection tasks",
            "People's work: tasks that are neither closed nor withdrawn.",
            flux.open_task_count(),
            Column("tasks", "none", "Open tasks"),
            "0",
        ),
        _stat(
            4,
            12,
            "Line loss",
            "Mean loss of the intervals that could be balanced over mean supplied energy, all areas together.",
            flux.line_loss_share(),
            _LOSS_SHARE,
            "not balanced",
        ),
        _stat(
            5,
            16,
            "Readings",
            "Judged per minute over the last quarter of an hour, by the wall clock.",
            flux.readings_per_minute_now(),
            readings,
            "none in 15 min",
        ),
        _stat(
            6,
            20,
            "Lag",
            "How far the slowest partition is behind its newest message.",
            flux.lag_now(),
            lag,
            "no worker reports",
        ),
        _newest(7, 0, 4, 16, None),
        Panel(
            8,
            "barchart",
            "Open alerts by grade and family",
            "Grade follows risk: high from 80 %, medium from 50 %.",
            16,
            4,
            8,
            9,
            (flux.open_alerts_by_family(),),
            (
                Column("family", "string", "Family"),
                *(Column(grade, "none", grade, decimals=0, colour=colour) for grade, colour in _GRADES.items()),
            ),
            "No open alert",
            options={"xField": "family"},
        ),
        Panel(
            9,
            "geomap",
            "Where the open alerts are",
            "Open alerts whose service point has coordinates in the archive; the marker grows with risk.",
            0,
            13,
            12,
            10,
            (flux.alert_places(),),
            (
                Column("latitude", "degree", "Latitude", decimals=5),
                Column("longitude", "degree", "Longitude", decimals=5),
                _RISK_COLUMN,
                _ABNORMALITY,
                _IN_AREA,
                _ALERT,
            ),
            "No open alert with coordinates",
            _RISK,
        ),
        Panel(
            10,
            "table",
            "Hazards",
            "Open alerts of the hazard lane, the longest open first. Observed and expected carry the abnormality's unit.",
            12,
            13,
            12,
            10,
            (flux.hazards(),),
            (
                Column("raised_at", "dateTimeAsIso", "Raised", width=170),
                _ABNORMALITY,
                _IN_AREA,
                _METER,
                Column("observed", "none", "Observed", decimals=1),
                Column("expected", "none", "Expected", decimals=1),
                _RISK_COLUMN,
                _ALERT,
            ),
            "No open hazard",
        ),
        _energy(11, 0, 23, None),
        Panel(
            12,
            "table",
            "Line loss by area",
            "The twenty areas that lose the largest share: mean loss of the intervals that could be balanced over mean supply.",
            12,
            23,
            12,
            8,
            (flux.line_loss_by_area(),),
            (
                _IN_AREA,
                _LOSS_SHARE,
                Column("loss_kwh", "kwatth", "Loss per interval", decimals=2),
                replace(_SUPPLIED, title="Supplied per interval", decimals=2),
            ),
            "No area could be balanced in this range",
        ),
        _heat(13, 0, 31, 16, None),
        Panel(
            14,
            "barchart",
            "Open tasks by grade",
            "Inspection tasks that are neither closed nor withdrawn.",
            16,
            31,
            8,
            8,
            (flux.open_tasks_by_grade(),),
            (Column("grade", "string", "Grade"), Column("tasks", "none", "Open tasks", decimals=0, colour="blue")),
            "No open task",
            options={"xField": "grade"},
        ),
        Panel(
            15,
            "timeseries",
            "Readings per minute and lag",
            "Readings judged, and how far the slowest partition is behind its newest message, by the wall clock.",
            0,
            39,
            8,
            8,
            (flux.readings_per_minute(), flux.lag_over_time()),
            (
                _TIME,
                Column("readings", "suffix: /min", "Readings per minute", decimals=0, colour="blue", axis="left"),
                Column("lag_s", "s", "Lag", decimals=0, colour="orange", axis="right"),
            ),
            "No worker reported in this range",
            min_interval="1m",
            custom=_LINES,
            colour_mode="palette-classic",
        ),
        Panel(
            16,
            "timeseries",
            "Readings set aside, late, dead-lettered",
            "Readings that were not judged, per window: set aside alone with a reason, late after the day's close, or in "
            "messages that nobody could read.",
            8,
            39,
            8,
            8,
            (flux.not_used(),),
            (
                _TIME,
                Column("set_aside", "none", "Set aside", decimals=0, colour="yellow"),
                Column("late", "none", "Late", decimals=0, colour="blue"),
                Column("dead_lettered", "none", "Dead-lettered", decimals=0, colour="red"),
            ),
            "No worker reported in this range",
            min_interval="1m",
            custom=_STACKED_BARS,
            colour_mode="palette-classic",
        ),
        Panel(
            17,
            "table",
            "The monitor's workers",
            "Every worker that reported in this range. A worker that is gone stays listed with the time it was last seen.",
            16,
            39,
            8,
            8,
            (flux.workers(),),
            (
                Column("worker", "string", "Worker"),
                Column("role", "string", "Role", width=80),
                Column("last_seen", "dateTimeFromNow", "Last seen"),
                Column("partitions", "none", "Partitions", decimals=0, width=85),
                Column("lag_s", "s", "Lag", decimals=0, thresholds=_LAG, width=70),
                Column("rss_bytes", "bytes", "Memory", decimals=0),
                Column("cpu_s", "s", "CPU since start", decimals=0),
                Column("points_refused", "none", "Points refused", decimals=0, thresholds=_ANY_IS_BAD),
            ),
            "No worker reported in this range",
        ),
        Panel(
            18,
            "table",
            "What visits made of each detector's word",
            "For every detector and kind: how many visits it caused, how many found something, how many found that kind, and the "
            "95 % interval (Wilson) of the share that did. `ranker` and `exploration` are visits without an alert. Low shares "
            "over many visits ask for a threshold: preview it with `meterwatch replay --thresholds` and `meterwatch diff`.",
            0,
            47,
            24,
            9,
            (flux.detector_precision(),),
            (
                Column("detector", "string", "Detector", width=190),
                replace(_ABNORMALITY, title="Claimed abnormality"),
                Column("visited", "none", "Visits", decimals=0),
                Column("confirmed", "none", "Found something", decimals=0),
                Column("right_kind", "none", "Of that kind", decimals=0),
                Column("precision", "percentunit", "Precision", decimals=0, colour="green"),
                Column("low", "percentunit", "At least (95 %)", decimals=0),
                Column("high", "percentunit", "At most (95 %)", decimals=0),
            ),
            "No visit has answered a task yet",
        ),
        *_watch_panels(56),
    )
    return Dashboard(
        CONTROL_ROOM_UID,
        "Control room",
        "Smart-meter monitoring: from a reading to an inspection task. Every alert is a suspicion until a finding.",
        panels,
        (Constant("desk_url", desk_url),),
        (Link("Desk", "${desk_url}"), Link("One area", f"/d/{AREA_UID}")),
        (TAG,),
    )


def _watch_panels(y: int) -> tuple[Panel, ...]:
    """The monitor's own rules: where they stand, what waits, and when which alarm was open."""
    waits, unsaved = RULES["log_behind"], RULES["checkpoint_old"]
    return (
        Panel(
            19,
            "table",
            "The monitor watches itself",
            "Every rule by which the monitor judges itself, by its last judgement: what is open, what could not be judged (which is "
            "not well), and the value beside the limit from which the alarm opens. What to do is in the runbook, by the rule's name.",
            0,
            y,
            12,
            10,
            (flux.watch_now(),),
            (
                Column("rule", "string", "Rule", width=180),
                Column("subject", "string", "Of", width=150),
                Column("state", "string", "State", words=_WATCH_STATES, width=130),
                Column("value", "none", "Value", decimals=2),
                Column("set", "none", "Opens at", decimals=2),
            ),
            "Nobody watches the monitor: no worker and no desk judged it lately",
        ),
        Panel(
            20,
            "timeseries",
            "Messages waiting, and age of what is not saved",
            "Of the judging partition that has most: messages in the log that are not handled, and how long the oldest handled one has "
            "waited for its save.",
            12,
            y,
            12,
            10,
            (flux.backlog(),),
            (
                _TIME,
                Column(
                    "waiting", "none", "Messages waiting", decimals=0, colour="blue", axis="left",
                    thresholds=(Threshold(waits.recover, "orange"), Threshold(waits.set, "red")),
                ),
                Column(
                    "unsaved_s", "s", "Not saved", decimals=0, colour="orange", axis="right",
                    thresholds=(Threshold(unsaved.recover, "orange"), Threshold(unsaved.set, "red")),
                ),
            ),
            "No worker reported in this range",
            min_interval="1m",
            custom=_LINES | {"thresholdsStyle": {"mode": "dashed"}},
            colour_mode="palette-classic",
        ),
        Panel(
            21,
            "status-history",
            "Alarms of the monitor itself",
            "Which alarm was open when; a gap is a time in which nobody judged.",
            0,
            y + 10,
            24,
            10,
            (flux.watch_over_time(),),
            (_TIME, *(Column(code, "none", rule.name_en, thresholds=_ANY_IS_BAD) for code, rule in RULES.items())),
            "Nobody judged the rules in this range",
            _ANY_IS_BAD,
            min_interval="15m",
            max_points=100,
            custom={"lineWidth": 0, "fillOpacity": 85},
        ),
    )  # fmt: skip


def one_area(desk_url: str = DESK_URL) -> Dashboard:
    """One transformer area: its balance, its evidence, its alerts and tasks."""
    meters = (
        Column("meters_measured", "none", "Measured", decimals=0, colour="green"),
        Column("meters_expected", "none", "Expected", decimals=0, colour="text"),
    )
    panels = (
        _stat(
            1,
            0,
            "Open alerts",
            "Alerts of this area that are raised now.",
            flux.open_alert_count(_AREA),
            Column("alerts", "none", "Open alerts", thresholds=(Threshold(1, "orange"),)),
            "0",
        ),
        _stat(
            2,
            4,
            "Open inspection tasks",
            "Tasks of this area that are neither closed nor withdrawn.",
            flux.open_task_count(_AREA),
            Column("tasks", "none", "Open tasks"),
            "0",
        ),
        _stat(
            3,
            8,
            "Line loss",
            "Mean loss of the intervals that could be balanced over mean supplied energy.",
            flux.line_loss_share(_AREA),
            _LOSS_SHARE,
            "not balanced",
        ),
        _energy(4, 0, 4, _AREA),
        Panel(
            5,
            "timeseries",
            "Line loss over time",
            "Loss over supplied energy, technical and non-technical, per interval or wider window.",
            12,
            4,
            12,
            8,
            (flux.loss_share_over_time(_AREA),),
            (_TIME, _LOSS_SHARE),
            "This area could not be balanced in this range",
            _LOSS,
            min_interval="15m",
            custom=_LINES,
            colour_mode="palette-classic",
        ),
        _newest(6, 0, 12, 24, _AREA),
        _heat(7, 0, 21, 12, _AREA),
        Panel(
            8,
            "timeseries",
            "Meters measured",
            "Customers' meters with a reading, and those that should have had one.",
            12,
            21,
            12,
            8,
            (flux.meters_measured(_AREA),),
            (_TIME, *meters),
            "No reading of this area in this range",
            min_interval="15m",
            custom=_LINES,
            colour_mode="palette-classic",
        ),
        Panel(
            9,
            "table",
            "Open inspection tasks",
            "Tasks of this area that are neither closed nor withdrawn, the oldest first.",
            0,
            29,
            24,
            7,
            (flux.open_tasks(_AREA),),
            (
                Column("opened_at", "dateTimeAsIso", "Opened", width=170),
                _GRADE,
                _IN_AREA,
                Column("service_point", "string", "Service point"),
                Column("task_id", "string", "Task", link=_TO_TASK),
            ),
            "No open task in this area",
        ),
    )
    return Dashboard(
        AREA_UID,
        "One area",
        "One transformer area: balance, evidence, alerts, tasks.",
        panels,
        (Variable("area", "Transformer area", flux.area_names()), Constant("desk_url", desk_url)),
        (Link("Desk", "${desk_url}"), Link("Control room", f"/d/{CONTROL_ROOM_UID}")),
        (TAG, "area:${area}"),
    )


def generated(desk_url: str = DESK_URL) -> Mapping[str, str]:
    """File name -> JSON text of every dashboard."""
    files = {"control-room.json": control_room(desk_url), "one-area.json": one_area(desk_url)}
    return {
        name: json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n" for name, dashboard in files.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m grafana.dashboards", description=__doc__)
    parser.add_argument("--out", type=Path, default=GENERATED, help="folder to write to (default: grafana/generated)")
    parser.add_argument("--desk-url", default=DESK_URL, help=f"where links to the desk lead (default: {DESK_URL})")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text in generated(options.desk_url).items():
        (options.out / name).write_text(text)
        print(f"wrote {options.out / name}")


if __name__ == "__main__":
    main()
