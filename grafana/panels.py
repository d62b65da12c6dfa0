"""What a dashboard is made of: columns with their units, panels on a grid, and their JSON for Grafana 11."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

DATASOURCE_UID = "meterwatch-influxdb"
PLUGIN_VERSION = "11.6.0"
GRID_WIDTH = 24

Kind = Literal["stat", "table", "timeseries", "barchart", "geomap", "status-history"]
Json = dict[str, Any]

_DATASOURCE: Json = {"type": "influxdb", "uid": DATASOURCE_UID}


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `at` upwards the value takes this colour."""

    at: float
    colour: str


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    url: str

    def json(self) -> Json:
        return {"title": self.title, "url": self.url, "targetBlank": False}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a query's table: its unit as Grafana names it (``kwatth``, ``percentunit``, ``s``, ``string``)."""

    name: str
    unit: str
    title: str
    decimals: int | None = None
    thresholds: Sequence[Threshold] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    """word -> colour, for columns that hold one of a few words"""
    link: Link | None = None
    colour: str | None = None
    width: int | None = None
    axis: Literal["left", "right"] | None = None

    def json(self, kind: Kind) -> Json:
        properties: list[Json] = [_property("unit", self.unit), _property("displayName", self.title)]
        if self.decimals is not None:
            properties.append(_property("decimals", self.decimals))
        if self.thresholds:
            properties.append(_property("thresholds", thresholds_json(self.thresholds)))
            if kind == "table":
                properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        if self.words:
            words = {word: {"color": colour, "index": i} for i, (word, colour) in enumerate(self.words.items())}
            properties.append(_property("mappings", [{"type": "value", "options": words}]))
            if kind == "table":
                properties.append(_property("custom.cellOptions", {"type": "color-text"}))
        if self.link is not None:
            properties.append(_property("links", [self.link.json()]))
        if self.colour is not None:
            properties.append(_property("color", {"mode": "fixed", "fixedColor": self.colour}))
        if self.width is not None and kind == "table":
            properties.append(_property("custom.width", self.width))
        if self.axis is not None:
            properties.append(_property("custom.axisPlacement", self.axis))
        return {"matcher": {"id": "byName", "options": self.name}, "properties": properties}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `panel_id` is fixed for good: links and annotations name it. `x`, `y`, `width`, `height` are grid units.

    `queries` are Flux texts; `columns` name every column that they return. `empty` is shown where there is none.
    """

    panel_id: int
    kind: Kind
    title: str
    description: str
    x: int
    y: int
    width: int
    height: int
    queries: Sequence[str]
    columns: Sequence[Column]
    empty: str
    thresholds: Sequence[Threshold] = ()
    min_interval: str | None = None
    max_points: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    colour_mode: str = "thresholds"
    links: Sequence[Link] = ()

    def json(self) -> Json:
        panel: Json = {
            "id": self.panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "pluginVersion": PLUGIN_VERSION,
            "datasource": _DATASOURCE,
            "gridPos": {"x": self.x, "y": self.y, "w": self.width, "h": self.height},
            "targets": [
                {"refId": chr(ord("A") + i), "datasource": _DATASOURCE, "query": text}
                for i, text in enumerate(self.queries)
            ],
            "fieldConfig": {
                "defaults": {
                    "unit": "short",
                    "noValue": self.empty,
                    "color": {"mode": self.colour_mode},
                    "thresholds": thresholds_json(self.thresholds),
                    "custom": dict(self.custom),
                },
                "overrides": [column.json(self.kind) for column in self.columns],
            },
            "options": _OPTIONS[self.kind] | dict(self.options),
            "links": [link.json() for link in self.links],
        }
        if self.kind in ("table", "barchart"):
            # Flux orders columns by its own mind; a person reads them in ours.
            order = {column.name: i for i, column in enumerate(self.columns)}
            organize = {"indexByName": order, "excludeByName": {}, "renameByName": {}}
            panel["transformations"] = [{"id": "organize", "options": organize}]
        if self.min_interval is not None:
            panel["interval"] = self.min_interval
        if self.max_points is not None:
            panel["maxDataPoints"] = self.max_points
        return panel


@dataclass(frozen=True, slots=True)
class Variable:
    """A drop-down filled by a Flux query; only ever from a small measurement."""

    name: str
    label: str
    query: str

    def json(self) -> Json:
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": _DATASOURCE,
            "query": {"query": self.query, "refId": "variable"},
            "definition": self.query,
            "refresh": 2,  # when the time range changes
            "sort": 1,
            "multi": False,
            "includeAll": False,
            "hide": 0,
        }


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that links need and nobody chooses on the screen."""

    name: str
    value: str

    def json(self) -> Json:
        return {
            "name": self.name,
            "type": "constant",
            "query": self.value,
            "current": {"text": self.value, "value": self.value},
            "hide": 2,
            "skipUrlSync": True,
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    variables: Sequence[Variable | Constant]
    links: Sequence[Link]
    annotation_tags: Sequence[str]

    def json(self) -> Json:
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["meterwatch"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": "now-24h", "to": "now"},
            "refresh": "30s",
            "templating": {"list": [variable.json() for variable in self.variables]},
            "annotations": {"list": [_annotations_json(self.annotation_tags)]},
            "links": [
                link.json() | {"type": "link", "icon": "external link", "keepTime": True, "includeVars": False}
                for link in self.links
            ],
            "panels": [panel.json() for panel in self.panels],
        }


def thresholds_json(thresholds: Sequence[Threshold], base: str = "text") -> Json:
    """Grafana's steps: the first one has no bound."""
    steps: list[Json] = [{"color": "green" if thresholds else base, "value": None}]
    steps += [{"color": step.colour, "value": step.at} for step in thresholds]
    return {"mode": "absolute", "steps": steps}


def _property(name: str, value: Any) -> Json:
    return {"id": name, "value": value}


def _annotations_json(tags: Sequence[str]) -> Json:
    return {
        "name": "Alerts",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": False,
        "iconColor": "orange",
        "target": {"type": "tags", "tags": list(tags), "matchAny": False, "limit": 200},
    }


_LEGEND: Json = {"displayMode": "list", "placement": "bottom", "showLegend": True}
_REDUCE: Json = {"calcs": ["lastNotNull"], "fields": "/.*/", "values": False}

_OPTIONS: Mapping[Kind, Json] = {
    "stat": {
        "reduceOptions": _REDUCE,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "none"}},
    "barchart": {
        "orientation": "horizontal",
        "stacking": "normal",
        "showValue": "auto",
        "legend": _LEGEND,
        "tooltip": {"mode": "multi", "sort": "none"},
    },
    "status-history": {"showValue": "never", "rowHeight": 0.9, "legend": _LEGEND, "tooltip": {"mode": "single"}},
    "geomap": {
        "view": {"id": "fit", "allLayers": True, "padding": 10, "lat": 0, "lon": 0, "zoom": 12},
        "basemap": {"type": "default", "name": "Map", "config": {}},
        "controls": {"showZoom": True, "showAttribution": True, "mouseWheelZoom": False, "showScale": True},
        "tooltip": {"mode": "details"},
        "layers": [
            {
                "type": "markers",
                "name": "Open alerts",
                "tooltip": True,
                "location": {"mode": "coords", "latitude": "latitude", "longitude": "longitude"},
                "config": {
                    "showLegend": False,
                    "style": {
                        "color": {"field": "risk", "fixed": "orange"},
                        "size": {"fixed": 6, "min": 4, "max": 14, "field": "risk"},
                        "opacity": 0.8,
                        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
                    },
                },
            }
        ],
    },
}
