"""Regions on Grafana's dashboards, read and written through grafana-api."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from grafana.regions import TAG, UNTOLD, Region
from metering.errors import SettingsError, StoreError, StoreUnavailable

TIMEOUT_S = 5.0
#: Regions asked for at first, and at most.
PAGE, MOST_LISTED = 1_000, 64_000
END_OF_TIME_MS = 10_000_000_000_000
_TOO_MANY_REQUESTS, _NOT_FOUND = 429, 404

T = TypeVar("T")


class GrafanaUnavailable(StoreUnavailable):
    """Grafana cannot be reached just now, or asks to wait: keep the alert and try again."""


class GrafanaRefused(StoreError):
    """Grafana refuses for good (token, rights, address): retrying would not help."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A region as Grafana has it."""

    annotation_id: int
    key: str
    begins_s: int
    ends_s: int
    tags: frozenset[str]

    def shows(self, region: Region) -> bool:
        """Whether it stands where the region does and in its state; whom it was told to may differ."""
        return (self.begins_s, self.ends_s, self.tags - {UNTOLD}) == (
            region.begins_s,
            region.ends_s,
            frozenset(region.tags) - {UNTOLD},
        )


class AnnotationClient:
    """Draws regions, finds, moves and removes them.

    `url` is Grafana's root, with a path where it is served below one; `token` a service account's, with the right to write
    annotations. Raises `SettingsError` on an unusable `url`; every call raises `GrafanaUnavailable` where trying again
    helps, `GrafanaRefused` where it does not.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise SettingsError(
                f"METERWATCH_GRAFANA_URL = {url!r}: give Grafana's address, such as http://127.0.0.1:3000"
            )
        path = parts.path.strip("/")
        self._url = url
        self._grafana = GrafanaFace(
            auth=token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=timeout_s,
        )

    def drawn(self, *tags: str, since_s: int = 0) -> list[Drawn]:
        """Every region with all these tags (and Meterwatch's own) that reaches beyond `since_s`, `MOST_LISTED` at most."""
        limit = PAGE
        while True:
            found = self._listed((TAG, *tags), since_s, limit)
            if len(found) < limit or limit >= MOST_LISTED:
                return [drawn for drawn in map(_drawn, found) if drawn is not None]
            # Grafana orders by the end and cuts by the beginning: there is no turning of pages
            limit = min(4 * limit, MOST_LISTED)

    def _listed(self, tags: Sequence[str], since_s: int, limit: int) -> list[dict[str, Any]]:
        # Grafana takes a range only with both of its ends
        from_ms, to_ms = (1000 * since_s, END_OF_TIME_MS) if since_s > 0 else (None, None)
        found: list[dict[str, Any]] = self._call(
            lambda: self._grafana.annotations.get_annotation(
                time_from=from_ms, time_to=to_ms, tags=[quote(tag) for tag in tags], limit=limit
            )
        )
        return found

    def draw(self, region: Region) -> int:
        """Draw it anew; its number at Grafana."""
        made = self._call(
            lambda: self._grafana.annotations.add_annotation(
                time_from=1000 * region.begins_s,
                time_to=1000 * region.ends_s,
                tags=list(region.tags),
                text=region.text,
            )
        )
        return int(made["id"])

    def move(self, annotation_id: int, region: Region) -> bool:
        """Change it to what the region is; False where somebody removed it."""
        return self._if_there(
            lambda: self._grafana.annotations.update_annotation(
                annotation_id,
                time_from=1000 * region.begins_s,
                time_to=1000 * region.ends_s,
                tags=list(region.tags),
                text=region.text,
            )
        )

    def remove(self, annotation_id: int) -> bool:
        """Remove it; False where it was gone already."""
        return self._if_there(lambda: self._grafana.annotations.delete_annotations_by_id(annotation_id))

    def ping(self) -> str:
        """A short word on what was reached, e.g. ``Grafana 11.6.0``; raises as the others do, also where only the token is wrong."""
        health = self._call(lambda: self._grafana.api.GET("/health"))
        self._call(lambda: self._grafana.annotations.get_annotation(tags=[TAG], limit=1))
        return f"Grafana {health.get('version', 'of unknown version')}"

    def _if_there(self, request: Callable[[], object]) -> bool:
        try:
            self._call(request)
        except GrafanaRefused as error:
            cause = error.__cause__
            if isinstance(cause, GrafanaClientError) and cause.status_code == _NOT_FOUND:
                return False
            raise
        return True

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


def _drawn(row: dict[str, Any]) -> Drawn | None:
    """None for a region with our tag that is not ours: somebody's own note."""
    tags = [str(tag) for tag in row.get("tags") or ()]
    alert = next((tag.removeprefix("alert:") for tag in tags if tag.startswith("alert:")), None)
    if alert is None:
        return None
    # before there were episodes, an alert had one region
    episode = next((tag.removeprefix("episode:") for tag in tags if tag.startswith("episode:")), "1")
    begins_ms = int(row["time"])
    ends_ms = int(row.get("timeEnd") or begins_ms)
    return Drawn(int(row["id"]), f"{alert}/{episode}", begins_ms // 1000, ends_ms // 1000, frozenset(tags))
