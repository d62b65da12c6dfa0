"""Alerts as annotations on Grafana's dashboards, written through grafana-api.

An alert is one region: from the time it was raised to the time it ended. Its tags (`meterwatch`, `alert:ID`, `area:NAME`)
are its key, so writing it again changes what is there instead of adding to it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from metering.alert import Alert, AlertState
from metering.catalogue import CATALOGUE
from metering.errors import SettingsError, StoreError, StoreUnavailable

TAG = "meterwatch"
TIMEOUT_S = 5.0
_TOO_MANY_REQUESTS = 429
_ENDED = {AlertState.CLEARED: "over", AlertState.CONFIRMED: "confirmed", AlertState.WITHDRAWN: "withdrawn"}

T = TypeVar("T")


class GrafanaUnavailable(StoreUnavailable):
    """Grafana cannot be reached just now, or asks to wait: keep the alert and try again."""


class GrafanaRefused(StoreError):
    """Grafana refuses for good (token, rights, address): retrying would not help."""


class AnnotationWriter:
    """Keeps one region annotation per alert.

    `url` is Grafana's root, with a path where it is served below one; `token` a service account's, with the right to
    write annotations. `desk_url` is where the annotation's text leads to. Raises `SettingsError` on an unusable `url`.
    """

    def __init__(self, url: str, token: str, *, desk_url: str = "", timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise SettingsError(
                f"METERWATCH_GRAFANA_URL = {url!r}: give Grafana's address, such as http://127.0.0.1:3000"
            )
        path = parts.path.strip("/")
        self._url = url
        self._desk_url = desk_url.rstrip("/")
        self._grafana = GrafanaFace(
            auth=token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=timeout_s,
        )

    def write(self, alert: Alert, *, until_s: int | None = None) -> int:
        """Make the alert's annotation as the alert is now; returns the annotation's id.

        An alert that is still raised reaches to `until_s` (epoch seconds of event time), or is a mark at the time it was
        raised. Calling it again with the same alert changes nothing. Raises `GrafanaUnavailable` where trying again
        helps, `GrafanaRefused` where it does not.
        """
        begins_ms = 1000 * alert.raised_at_s
        ends_s = alert.cleared_at_s if alert.cleared_at_s is not None else until_s
        ends_ms = max(begins_ms, 1000 * (ends_s if ends_s is not None else alert.raised_at_s))
        # An alert's id stays over a relapse: its annotation then moves to the newest episode.
        tags = [TAG, f"alert:{alert.alert_id}", f"area:{alert.transformer_area}"]
        text = self._text(alert)
        known = self._call(lambda: self._grafana.annotations.get_annotation(tags=[quote(tag) for tag in tags[:2]]))
        if not known:
            made = self._call(
                lambda: self._grafana.annotations.add_annotation(
                    time_from=begins_ms, time_to=ends_ms, tags=tags, text=text
                )
            )
            return int(made["id"])
        first, *doubles = sorted(known, key=lambda annotation: int(annotation["id"]))
        # Two writers may both have found nothing and both have written.
        for double in doubles:
            self._call(partial(self._grafana.annotations.delete_annotations_by_id, double["id"]))
        as_it_is = (first.get("time"), first.get("timeEnd"), set(first.get("tags") or ()), first.get("text"))
        if as_it_is != (begins_ms, ends_ms, set(tags), text):
            self._call(
                lambda: self._grafana.annotations.update_annotation(
                    first["id"], time_from=begins_ms, time_to=ends_ms, tags=tags, text=text
                )
            )
        return int(first["id"])

    def ping(self) -> str:
        """A short word on what was reached, e.g. ``Grafana 11.6.0``; raises as `write` does, also where only the token is wrong."""
        health = self._call(lambda: self._grafana.api.GET("/health"))
        self._call(lambda: self._grafana.annotations.get_annotation(tags=[TAG], limit=1))
        return f"Grafana {health.get('version', 'of unknown version')}"

    def _text(self, alert: Alert) -> str:
        """Kind, area, state and a link: no name, address or load curve leaves the desk."""
        row = CATALOGUE.get(alert.abnormality)
        name = alert.abnormality if row is None else row.name_en
        claim = name if alert.state is AlertState.CONFIRMED else f"suspected: {name}"
        state = "" if alert.is_open else f", {_ENDED[alert.state]}"
        lines = [f"{claim} in {alert.transformer_area} ({alert.grade}{state})"]
        text = "\n".join(html.escape(line) for line in lines)
        if self._desk_url:
            address = html.escape(f"{self._desk_url}/alerts/{quote(alert.alert_id)}")
            text += f'\n<a href="{address}">{html.escape(alert.alert_id)}</a>'
        return text

    def _call(self, request: Callable[[], T]) -> T:
        try:
            return request()
        except GrafanaServerError as error:
            raise GrafanaUnavailable(f"Grafana at {self._url} fails: {error}") from error
        except GrafanaClientError as error:
            if error.status_code == _TOO_MANY_REQUESTS:
                raise GrafanaUnavailable(f"Grafana at {self._url} asks to wait: {error}") from error
            raise GrafanaRefused(
                f"Grafana at {self._url} refuses: {error}. Check METERWATCH_GRAFANA_URL, and that METERWATCH_GRAFANA_TOKEN "
                "belongs to a service account that may write annotations"
            ) from error
        except requests.exceptions.JSONDecodeError as error:
            raise GrafanaRefused(f"what answers at {self._url} is not Grafana: check METERWATCH_GRAFANA_URL") from error
        except requests.RequestException as error:
            raise GrafanaUnavailable(f"Grafana at {self._url} cannot be reached: {error}") from error
        except TypeError as error:
            # grafana-api stumbles over an error page that is text and holds the word "message".
            raise GrafanaUnavailable(f"Grafana at {self._url} answers with an error that is not JSON") from error
