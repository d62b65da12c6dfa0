"""What docs/notifications.md shows can be used as it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from notify.plan import ChannelPlan, CrewPlan, EscalationPlan, NotifyPlan, ShiftPlan, parse_plan
from notify.signature import SIGNATURE, TIMESTAMP
from notify.webhook import Webhook
from tests.unit.notify.made_notifications import WRITER, notification
from tests.unit.notify.receivers import HttpReceiver

PAGE = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")

Verify = Callable[[bytes, Mapping[str, str], bytes], bool]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_plan_is_one() -> None:
    plan = parse_plan(tomllib.loads(block("toml")))
    assert list(plan.channels) == ["phone", "crew-north", "chief"]
    assert len(plan.on_call) == 2
    assert not plan.routes().uncovered() or plan.routes().uncovered()[0][0] == 5  # the weekend by day is nobody's


@pytest.mark.parametrize("part", [NotifyPlan, ChannelPlan, ShiftPlan, EscalationPlan, CrewPlan])
def test_every_key_of_the_plan_is_named(part: type[NotifyPlan]) -> None:
    for name, field in part.model_fields.items():
        assert re.search(rf"\b{field.alias or name}\b", PAGE), f"{part.__name__}.{name}"


def test_a_receiver_that_verifies_as_it_is_shown_takes_ours_and_nobody_elses(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, Verify] = {}
    exec(block("python"), written)  # noqa: S102 - what readers copy
    is_ours = written["is_ours"]
    Webhook(receiver.url, WRITER, secrets=["new", "old"]).send(notification(1))
    (request,) = receiver.requests
    headers = {name: request.headers[name.lower()] for name in (TIMESTAMP, SIGNATURE)}
    assert is_ours(b"new", headers, request.body)
    assert is_ours(b"old", headers, request.body)
    assert not is_ours(b"other", headers, request.body)
    assert not is_ours(b"new", headers, request.body + b" ")
    assert not is_ours(b"new", headers | {TIMESTAMP: "1000"}, request.body)
