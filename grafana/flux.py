"""The dashboards' questions to InfluxDB, in Flux: each function returns one query's text.

Grafana fills in `v.timeRangeStart`, `v.timeRangeStop`, `v.windowPeriod` and `v.defaultBucket`. Every query ends in one
table with plainly named columns, so that a panel can give each of them its unit. Windows are stamped by their start.
At scale the cost is one cursor per series and field: so ask for few fields, and `group()` before anything else.
Points that live long (open alerts, open tasks) are looked for further back than the screen's range.
"""

from __future__ import annotations

from collections.abc import Sequence

from alerts.life import HIGH_RISK, MEDIUM_RISK
from metering.catalogue import CATALOGUE
from metering.points import Measurement

#: An alert or task older than this is found on the desk, no longer on the wall.
ALERTS_LOOK_BACK = "180d"
TASKS_LOOK_BACK = "365d"
WORKERS_LOOK_BACK = "15m"

HAZARD_CODES = tuple(code for code, row in CATALOGUE.items() if row.lane == "hazard")
ALERT_KEY = ("alert_id", "transformer_area", "meter_id", "abnormality", "family")


def _columns(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _range(
    measurement: Measurement, area: str | None, start: str = "v.timeRangeStart", stop: str = "v.timeRangeStop"
) -> str:
    only = "" if area is None else f" and r.transformer_area == {area}"
    return (
        f"from(bucket: v.defaultBucket)\n"
        f"  |> range(start: {start}, stop: {stop})\n"
        f'  |> filter(fn: (r) => r._measurement == "{measurement}"{only})\n'
    )


def _fields(*names: str) -> str:
    return "  |> filter(fn: (r) => " + " or ".join(f'r._field == "{name}"' for name in names) + ")\n"


def _back(duration: str) -> str:
    return f"date.sub(d: {duration}, from: v.timeRangeStop)"


def _pivot(row_key: Sequence[str]) -> str:
    return f'  |> group()\n  |> pivot(rowKey: {_columns(row_key)}, columnKey: ["_field"], valueColumn: "_value")\n'


def _whole_windows(every: str) -> str:
    """Bounds that hold whole windows only: a window half full would look like a fall."""
    return (
        'import "date"\n\n'
        f"start = date.truncate(t: v.timeRangeStart, unit: {every})\n"
        f"cut = date.truncate(t: v.timeRangeStop, unit: {every})\n"
        "stop = if cut > start then cut else v.timeRangeStop\n\n"
    )


#: What was not registered since an alert's onset, and the interval that holds it in four of five cases (kWh).
WORTH_FIELDS = ("worth_kwh", "worth_kwh_low", "worth_kwh_high")


def _only(codes: Sequence[str]) -> str:
    return (
        "" if not codes else "  |> filter(fn: (r) => " + " or ".join(f'r.abnormality == "{c}"' for c in codes) + ")\n"
    )


def _newest_of_each_alert(fields: Sequence[str], area: str | None, start: str, only: Sequence[str] = ()) -> str:
    """One row per alert: its newest point, with `fields` (`raised` among them) as columns, newest first."""
    return (
        _range("alert", area, start)
        + _fields(*fields)
        + _only(only)
        + _pivot(("_time", *ALERT_KEY))
        + "  |> filter(fn: (r) => exists r.raised)\n"
        + '  |> sort(columns: ["_time"], desc: true)\n'
        + '  |> unique(column: "alert_id")\n'
    )


def _open_alerts(area: str | None, *fields: str, only: Sequence[str] = ()) -> str:
    """Every alert whose newest point says that it is raised, one row each."""
    newest = _newest_of_each_alert(("raised", *fields), area, _back(ALERTS_LOOK_BACK), only)
    return 'import "date"\n\n' + newest + "  |> filter(fn: (r) => r.raised == 1.0)\n"


def _grade() -> str:
    return f'if r.risk >= {HIGH_RISK} then "high" else if r.risk >= {MEDIUM_RISK} then "medium" else "low"'


def open_alert_count(area: str | None = None, *, hazards: bool = False) -> str:
    """One row: `alerts`."""
    return (
        'import "date"\n\n'
        + _range("alert", area, _back(ALERTS_LOOK_BACK))
        + _fields("raised")
        + _only(HAZARD_CODES if hazards else ())
        + "  |> group()\n"
        + '  |> sort(columns: ["_time"], desc: true)\n'
        + '  |> unique(column: "alert_id")\n'
        + "  |> filter(fn: (r) => r._value == 1.0)\n"
        + "  |> count()\n"
        + '  |> rename(columns: {_value: "alerts"})\n'
        + '  |> keep(columns: ["alerts"])\n'
    )


def open_alerts_by_family() -> str:
    """One row per family: `family`, and how many are `high`, `medium`, `low`."""
    counted = ", ".join(f'{grade}: if grade == "{grade}" then 1 else 0' for grade in ("high", "medium", "low"))
    return (
        _open_alerts(None, "risk")
        + f"  |> map(fn: (r) => {{ grade = {_grade()}\n    return {{family: r.family, {counted}}} }})\n"
        + '  |> group(columns: ["family"])\n'
        + "  |> reduce(identity: {high: 0, medium: 0, low: 0}, fn: (r, accumulator) => "
        + "({high: accumulator.high + r.high, medium: accumulator.medium + r.medium, low: accumulator.low + r.low}))\n"
        + "  |> group()\n"
        + '  |> sort(columns: ["high", "medium", "low"], desc: true)\n'
    )


def newest_alerts(area: str | None = None, limit: int = 50) -> str:
    """Alerts that were raised or ended within the range, the newest change first."""
    kept = (
        "changed_at",
        "state",
        "grade",
        "abnormality",
        "transformer_area",
        "meter_id",
        "risk",
        "missing_kwh",
        *WORTH_FIELDS,
        "alert_id",
    )
    return (
        _newest_of_each_alert(("raised", "verdict", "risk", "missing_kwh", *WORTH_FIELDS), area, "v.timeRangeStart")
        + '  |> map(fn: (r) => ({r with state: if exists r.verdict and r.verdict == 1.0 then "confirmed" '
        + 'else if exists r.verdict and r.verdict == -1.0 then "withdrawn" '
        + 'else if r.raised == 1.0 then "open" else "over", grade: '
        + _grade()
        + "}))\n"
        + '  |> rename(columns: {_time: "changed_at"})\n'
        + f"  |> keep(columns: {_columns(kept)})\n"
        + '  |> sort(columns: ["changed_at"], desc: true)\n'
        + f"  |> limit(n: {limit})\n"
    )


def hazards() -> str:
    """Open alerts of the hazard lane, the longest open first."""
    kept = ("raised_at", "abnormality", "transformer_area", "meter_id", "observed", "expected", "risk", "alert_id")
    return (
        _open_alerts(None, "observed", "expected", "risk", only=HAZARD_CODES)
        + '  |> rename(columns: {_time: "raised_at"})\n'
        + f"  |> keep(columns: {_columns(kept)})\n"
        + '  |> sort(columns: ["raised_at"])\n'
    )


def alert_places() -> str:
    """Open alerts whose service point has coordinates: numeric `latitude` and `longitude`."""
    kept = ("latitude", "longitude", "risk", "abnormality", "transformer_area", "alert_id")
    return (
        _open_alerts(None, "risk", "latitude", "longitude")
        + "  |> filter(fn: (r) => exists r.latitude and exists r.longitude)\n"
        + f"  |> keep(columns: {_columns(kept)})\n"
        + '  |> sort(columns: ["risk"])\n'
    )


def energy_per_hour(area: str | None = None) -> str:
    """`_time`, `supplied_kwh`, `metered_kwh` per clock hour."""
    return (
        _whole_windows("1h")
        + _range("area_balance", area, "start", "stop")
        + _fields("supplied_kwh", "metered_kwh")
        + '  |> group(columns: ["_field"])\n'
        + '  |> aggregateWindow(every: 1h, fn: sum, timeSrc: "_start", createEmpty: false)\n'
        + _pivot(("_time",))
        + '  |> keep(columns: ["_time", "supplied_kwh", "metered_kwh"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )


def _mean_energies(area: str | None) -> str:
    """Per area, ungrouped: mean `loss_kwh` of the intervals that could be balanced, mean `supplied_kwh` of those measured.

    Their ratio is the loss share without a row of Flux per interval: exact sums over balanced intervals only took fifteen
    times as long with 2,000 areas.
    """
    return _range("area_balance", area) + _fields("supplied_kwh", "loss_kwh") + "  |> mean()\n"


_RATIO = (
    "  |> filter(fn: (r) => exists r.loss_kwh and r.supplied_kwh > 0.0)\n"
    "  |> map(fn: (r) => ({r with loss_share: r.loss_kwh / r.supplied_kwh}))\n"
)


def line_loss_share(area: str | None = None) -> str:
    """One row: `loss_share` of all areas together, energy-weighted."""
    return (
        _mean_energies(area)
        + '  |> group(columns: ["_field"])\n'
        + "  |> sum()\n"
        + '  |> map(fn: (r) => ({r with of: "all"}))\n'
        + _pivot(("of",))
        + _RATIO
        + '  |> keep(columns: ["loss_share"])\n'
    )


def line_loss_by_area(limit: int = 20) -> str:
    """The areas that lose most: `transformer_area`, `loss_share`, `loss_kwh` and `supplied_kwh` per interval."""
    return (
        _mean_energies(None)
        + _pivot(("transformer_area",))
        + _RATIO
        + '  |> keep(columns: ["transformer_area", "loss_share", "loss_kwh", "supplied_kwh"])\n'
        + '  |> sort(columns: ["loss_share"], desc: true)\n'
        + f"  |> limit(n: {limit})\n"
    )


def loss_share_over_time(area: str) -> str:
    """`_time`, `loss_share` of one area, per interval or wider window."""
    return (
        _range("area_balance", area)
        + _fields("loss_share")
        + "  |> group()\n"
        + '  |> aggregateWindow(every: v.windowPeriod, fn: mean, timeSrc: "_start", createEmpty: false)\n'
        + '  |> rename(columns: {_value: "loss_share"})\n'
        + '  |> keep(columns: ["_time", "loss_share"])\n'
    )


def meters_measured(area: str) -> str:
    """`_time`, `meters_measured`, `meters_expected` of one area."""
    return (
        _range("area_balance", area)
        + _fields("meters_measured", "meters_expected")
        + '  |> group(columns: ["_field"])\n'
        + '  |> aggregateWindow(every: v.windowPeriod, fn: min, timeSrc: "_start", createEmpty: false)\n'
        + _pivot(("_time",))
        + '  |> keep(columns: ["_time", "meters_measured", "meters_expected"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )


def evidence_heat(area: str | None = None) -> str:
    """`_time` and one column per family (or per abnormality within one area): strength summed per hour."""
    column = "family" if area is None else "abnormality"
    return (
        "hours = float(v: int(v: v.windowPeriod)) / 3600000000000.0\n\n"
        + _range("evidence", area)
        + _fields("strength")
        + f'  |> group(columns: ["{column}"])\n'
        + '  |> aggregateWindow(every: v.windowPeriod, fn: sum, timeSrc: "_start", createEmpty: false)\n'
        + "  |> map(fn: (r) => ({r with _value: r._value / hours}))\n"
        + "  |> group()\n"
        + f'  |> pivot(rowKey: ["_time"], columnKey: ["{column}"], valueColumn: "_value")\n'
        + '  |> drop(columns: ["_start", "_stop"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )


def _open_tasks(area: str | None) -> str:
    return (
        'import "date"\n\n'
        + _range("task", area, _back(TASKS_LOOK_BACK))
        + _fields("open")
        + "  |> group()\n"
        + '  |> sort(columns: ["_time"], desc: true)\n'
        + '  |> unique(column: "task_id")\n'
        + "  |> filter(fn: (r) => r._value == 1.0)\n"
    )


def open_task_count(area: str | None = None) -> str:
    """One row: `tasks`."""
    return _open_tasks(area) + '  |> count()\n  |> rename(columns: {_value: "tasks"})\n  |> keep(columns: ["tasks"])\n'


def open_tasks_by_grade() -> str:
    """`grade`, `tasks`; high first."""
    return (
        _open_tasks(None)
        + '  |> group(columns: ["grade"])\n'
        + "  |> count()\n"
        + "  |> group()\n"
        + '  |> map(fn: (r) => ({grade: r.grade, tasks: r._value, order: if r.grade == "high" then 0 '
        + 'else if r.grade == "medium" then 1 else 2}))\n'
        + '  |> sort(columns: ["order"])\n'
        + '  |> drop(columns: ["order"])\n'
    )


def open_tasks(area: str | None = None, limit: int = 20) -> str:
    """Open tasks, the oldest first: `opened_at`, `grade`, `service_point`, `transformer_area`, `task_id`."""
    return (
        _open_tasks(area)
        + '  |> rename(columns: {_time: "opened_at"})\n'
        + '  |> keep(columns: ["opened_at", "grade", "transformer_area", "service_point", "task_id"])\n'
        + '  |> sort(columns: ["opened_at"])\n'
        + f"  |> limit(n: {limit})\n"
    )


def detector_precision() -> str:
    """One row per detector and kind: `visited`, `confirmed`, `right_kind`, `precision`, `low`, `high`; the most visited first."""
    return (
        'import "date"\n\n'
        + _range("precision", None, _back(TASKS_LOOK_BACK))
        + "  |> last()\n"
        + _pivot(("detector", "abnormality"))
        + '  |> sort(columns: ["visited"], desc: true)\n'
    )


_JUDGES = '  |> filter(fn: (r) => r.role == "judge")\n'
_MINUTES = "minutes = float(v: int(v: v.windowPeriod)) / 60000000000.0\n\n"


def readings_per_minute() -> str:
    """`_time`, `readings`: judged per minute, whole windows only."""
    return (
        _whole_windows("v.windowPeriod")
        + _MINUTES
        + _range("pipeline", None, "start", "stop")
        + _fields("readings")
        + _JUDGES
        + "  |> group()\n"
        + '  |> aggregateWindow(every: v.windowPeriod, fn: sum, timeSrc: "_start", createEmpty: false)\n'
        + "  |> map(fn: (r) => ({_time: r._time, readings: r._value / minutes}))\n"
    )


def lag_over_time() -> str:
    """`_time`, `lag_s`: the slowest partition's."""
    return (
        _range("pipeline", None)
        + _fields("lag_s")
        + _JUDGES
        + "  |> group()\n"
        + '  |> aggregateWindow(every: v.windowPeriod, fn: max, timeSrc: "_start", createEmpty: false)\n'
        + '  |> rename(columns: {_value: "lag_s"})\n'
        + '  |> keep(columns: ["_time", "lag_s"])\n'
    )


def lag_now() -> str:
    """One row: `lag_s` of the slowest partition, over the last quarter of an hour."""
    return (
        'import "date"\n\n'
        + _range("pipeline", None, _back(WORKERS_LOOK_BACK))
        + _fields("lag_s")
        + _JUDGES
        + "  |> last()\n"
        + "  |> group()\n"
        + "  |> max()\n"
        + '  |> rename(columns: {_value: "lag_s"})\n'
        + '  |> keep(columns: ["lag_s"])\n'
    )


def readings_per_minute_now() -> str:
    """One row: `readings` judged per minute, over the last quarter of an hour."""
    return (
        'import "date"\n\n'
        + _range("pipeline", None, _back(WORKERS_LOOK_BACK))
        + _fields("readings")
        + _JUDGES
        + "  |> group()\n"
        + "  |> sum()\n"
        + "  |> map(fn: (r) => ({readings: r._value / 15.0}))\n"
    )


def not_used() -> str:
    """`_time`, `set_aside`, `late`, `dead_lettered`: readings per window."""
    return (
        _range("pipeline", None)
        + _fields("set_aside", "late", "dead_lettered")
        + _JUDGES
        + '  |> group(columns: ["_field"])\n'
        + '  |> aggregateWindow(every: v.windowPeriod, fn: sum, timeSrc: "_start", createEmpty: false)\n'
        + _pivot(("_time",))
        + '  |> keep(columns: ["_time", "set_aside", "late", "dead_lettered"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )


def workers() -> str:
    """One row per worker and role: last seen, partitions, lag, memory, CPU since start, points refused in the range."""
    return (
        "points = "
        + _range("pipeline", None).rstrip()
        + "\n\n"
        + "latest = points\n"
        + _fields("lag_s", "rss_bytes", "cpu_s")
        + "  |> last()\n"
        + '  |> group(columns: ["worker", "role", "_field"])\n'
        + "  |> max()\n"
        + '  |> keep(columns: ["worker", "role", "_field", "_value"])\n\n'
        + "refused = points\n"
        + _fields("points_refused")
        + '  |> group(columns: ["worker", "role", "_field"])\n'
        + "  |> sum()\n\n"
        + "seen = points\n"
        + _fields("lag_s")
        + "  |> last()\n"
        + '  |> group(columns: ["worker", "role"])\n'
        + '  |> sort(columns: ["_time"])\n'
        + "  |> last()\n"
        + '  |> map(fn: (r) => ({worker: r.worker, role: r.role, _field: "last_seen", '
        + "_value: float(v: int(v: r._time)) / 1000000.0}))\n\n"
        + "partitions = points\n"
        + _fields("lag_s")
        + "  |> last()\n"
        + '  |> group(columns: ["worker", "role"])\n'
        + "  |> count()\n"
        + '  |> map(fn: (r) => ({worker: r.worker, role: r.role, _field: "partitions", _value: float(v: r._value)}))\n\n'
        + "union(tables: [latest, refused, seen, partitions])\n"
        + _pivot(("worker", "role"))
        + '  |> sort(columns: ["role", "worker"])\n'
    )


def area_names() -> str:
    """The areas that have a balance in the range: from a small measurement, never from the readings."""
    return (
        'import "influxdata/influxdb/schema"\n\n'
        'schema.tagValues(bucket: v.defaultBucket, tag: "transformer_area", '
        'predicate: (r) => r._measurement == "area_balance", start: v.timeRangeStart, stop: v.timeRangeStop)\n'
    )


def watch_now() -> str:
    """Where each rule of the watch stands, what is open first: `rule`, `subject`, `state`, `value`, `set`."""
    kept = ("rule", "subject", "state", "value", "set")
    return (
        'import "date"\n\n'
        + _range("watch", None, _back(WORKERS_LOOK_BACK))
        + _fields("value", "set", "open", "judged")
        + "  |> last()\n"
        + _pivot(("rule", "subject"))
        + "  |> map(fn: (r) => ({r with order: r.open * 2.0 - r.judged, state: "
        + 'if r.judged == 0.0 then (if r.open == 1.0 then "open, not judged" else "not judged") '
        + 'else if r.open == 1.0 then "open" else "well"}))\n'
        + '  |> sort(columns: ["order", "rule", "subject"], desc: true)\n'
        + f"  |> keep(columns: {_columns(kept)})\n"
    )


def watch_over_time() -> str:
    """`_time` and one column per rule: 1 where its alarm was open."""
    return (
        _range("watch", None)
        + _fields("open")
        + '  |> group(columns: ["rule"])\n'
        + '  |> aggregateWindow(every: v.windowPeriod, fn: max, timeSrc: "_start", createEmpty: false)\n'
        + "  |> group()\n"
        + '  |> pivot(rowKey: ["_time"], columnKey: ["rule"], valueColumn: "_value")\n'
        + '  |> drop(columns: ["_start", "_stop"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )


def backlog() -> str:
    """`_time`, `waiting`, `unsaved_s`: of the partition that has most."""
    return (
        _range("pipeline", None)
        + _fields("waiting", "unsaved_s")
        + _JUDGES
        + '  |> group(columns: ["_field"])\n'
        + '  |> aggregateWindow(every: v.windowPeriod, fn: max, timeSrc: "_start", createEmpty: false)\n'
        + _pivot(("_time",))
        + '  |> keep(columns: ["_time", "waiting", "unsaved_s"])\n'
        + '  |> sort(columns: ["_time"])\n'
    )
