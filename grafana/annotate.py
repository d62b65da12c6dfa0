"""Keeping Grafana's annotations in line with the alerts of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from metering.alert import Alert
from metering.times import DAY_S

#: After a start only alerts that are open, or that ended so shortly before the newest change, are looked at again.
RECENT_S = 7 * DAY_S


class AlertSource(Protocol):
    """The one method of `metering.ports.StateStore` that is needed here."""

    def alerts(self) -> Sequence[Alert]: ...


class Writer(Protocol):
    """`grafana.client.AnnotationWriter`."""

    def write(self, alert: Alert) -> int: ...


class AlertAnnotations:
    """Writes every alert that changed since it was last written; called on a timer, away from the judging.

    Nothing is kept but which revision was written: after a restart writing again changes nothing in Grafana.
    """

    def __init__(self, source: AlertSource, writer: Writer) -> None:
        self._source = source
        self._writer = writer
        self._written: dict[str, int] = {}
        self._started = False

    def bring_up_to_date(self) -> int:
        """Write what changed; returns how many. Raises `StoreUnavailable` where the rest is worth trying again at the
        next call, and `StoreError` where it is not; what was written until then stays written."""
        alerts = self._source.alerts()
        if not self._started:
            self._skip_the_past(alerts)
            self._started = True
        changed = [alert for alert in alerts if self._written.get(alert.alert_id) != alert.revision]
        for alert in changed:
            self._writer.write(alert)
            self._written[alert.alert_id] = alert.revision
        return len(changed)

    def _skip_the_past(self, alerts: Sequence[Alert]) -> None:
        newest_s = max((_changed_at_s(alert) for alert in alerts), default=0)
        for alert in alerts:
            if not alert.is_open and _changed_at_s(alert) < newest_s - RECENT_S:
                self._written[alert.alert_id] = alert.revision


def _changed_at_s(alert: Alert) -> int:
    return alert.raised_at_s if alert.cleared_at_s is None else alert.cleared_at_s
