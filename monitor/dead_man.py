"""A dead man's switch: an address outside is asked once a minute while the monitor watches itself; its silence is the alarm."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from metering.errors import SettingsError

log = logging.getLogger("meterwatch.watch")
EVERY_S = 60.0
TIMEOUT_S = 5.0


@dataclass(slots=True)
class DeadMansSwitch:
    """Asks `url` (GET) at most once a minute. That it cannot be reached is logged once and harms nothing here: whoever is
    at the other end notices."""

    url: str
    monotonic: Callable[[], float] = time.monotonic
    failing: bool = False
    _due: float = 0.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError("METERWATCH_HEARTBEAT_URL: begin with http:// or https://")

    def hold(self) -> None:
        if self.monotonic() < self._due:
            return
        self._due = self.monotonic() + EVERY_S
        try:
            requests.get(self.url, timeout=TIMEOUT_S, allow_redirects=False).raise_for_status()
        except requests.RequestException as error:
            # the address may hold a secret
            if not self.failing:
                log.warning("the dead man's switch cannot be reached: %s", type(error).__name__)
            self.failing = True
        else:
            self.failing = False
