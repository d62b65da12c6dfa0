"""A token opens what its scopes name, nothing else; what was refused is written down; only hashes are stored."""

from __future__ import annotations

import re

import pytest

from desk.access import OPEN_PATHS
from desk.api.app import BASE
from metering.access import ROLES, SCOPE_MEANINGS, SCOPES
from metering.errors import MeterwatchError, NotFound
from metering.times import DAY_S
from operations.api_tokens import add_token, revoke_token, token_shown
from storage.memory import MemoryStore
from tests.unit.desk.api.conftest import WALL_S, World

ACKNOWLEDGE = {"version": 0}


def test_the_gate_of_the_desk_lets_callers_come_to_the_api() -> None:
    assert f"{BASE}/" in OPEN_PATHS


@pytest.mark.parametrize("shown", [None, "", "mw_", "mw_ab_cd", "guess", "mw_0123456789_" + "x" * 43])
async def test_without_a_good_token_nothing_is_shown(world: World, shown: str | None) -> None:
    answer = await world.call("GET", "/alerts", None, shown=shown)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "meterwatch token add" in answer.json()["what_to_do"]
    assert not world.store.audit("api"), "strangers must not fill the audit trail"


async def test_a_token_with_another_s_secret_is_none(world: World) -> None:
    first, second = world.token("operator"), world.token("operator")
    mixed = "_".join([*first.split("_")[:2], second.split("_", 2)[2]])
    assert (await world.call("GET", "/alerts", shown=mixed)).status_code == 401


async def test_a_token_ends_when_it_expires_or_is_revoked(world: World) -> None:
    short = world.token("reader", days=2)
    assert (await world.call("GET", "/alerts", shown=short)).status_code == 200
    world.wall_s += 2 * DAY_S
    assert (await world.call("GET", "/alerts", shown=short)).status_code == 401
    lasting = world.token("reader")
    assert (await world.call("GET", "/alerts", shown=lasting)).status_code == 200
    revoke_token(world.store, lasting.split("_")[1], by="root", reason="left the company", now_s=world.wall_s)
    assert (await world.call("GET", "/alerts", shown=lasting)).status_code == 401


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("reader", {"GET /alerts", "GET /alerts/suspected", "GET /alerts/a-1", "GET /silences", "GET /tasks", "GET /tasks/t-1", "GET /findings", "GET /intake", "GET /notifications", "GET /notifications/{notification_id}", "GET /overview", "GET /quality", "GET /places", "GET /places/{transformer_area}"}),
        ("monitor", {"POST /intake/grafana"}),
    ],
)  # fmt: skip
async def test_a_role_opens_its_own_addresses_only(world: World, role: str, allowed: set[str]) -> None:
    opened = set()
    for path, methods in world.api.openapi()["paths"].items():
        for method in methods:
            filled = path.replace("{alert_id}", "a-1").replace("{task_id}", "t-1").replace("{silence_id}", "s-1")
            answer = await world.call(method.upper(), filled, role, json={} if method == "post" else None)
            if answer.status_code != 403:
                opened.add(f"{method.upper()} {filled}")
            else:
                assert answer.json()["needs"] == methods[method]["x-scope"]
    assert opened == allowed


async def test_an_admin_may_do_everything(world: World) -> None:
    for path, methods in world.api.openapi()["paths"].items():
        for method in methods:
            filled = re.sub(r"\{\w+\}", "x-1", path)
            answer = await world.call(method.upper(), filled, "admin", json={} if method == "post" else None)
            assert answer.status_code not in (401, 403), path


async def test_a_refused_act_lies_in_the_audit_trail_with_its_person(world: World) -> None:
    assert (await world.post("/alerts/a-2/acknowledge", ACKNOWLEDGE, "reader")).status_code == 403
    assert (await world.post("/alerts/a-2/acknowledge", {"version": 7})).status_code == 409
    assert (await world.get("/alerts?since=yesterday")).status_code == 422
    lines = world.store.audit("api")
    assert [(line.actor, line.move, line.from_state, line.to_state) for line in lines] == [
        ("Li Na", "refused", "/alerts/a-2/acknowledge", "not-allowed"),
        ("Li Na", "refused", "/alerts/a-2/acknowledge", "stale"),
    ]
    assert world.store.handling("a-2").version == 0


def test_only_a_hash_of_a_token_is_stored() -> None:
    store = MemoryStore()
    token, shown = add_token(store, person="Li Na", role="reader", scopes=(), days=None, by="root", now_s=WALL_S)
    secret = shown.split("_", 2)[2]
    assert len(secret) >= 43
    assert secret not in repr(store.tokens()) + repr(store.audit("api tokens"))
    assert token_shown(store, shown, WALL_S) == token
    assert token.scopes == ROLES["reader"]


def test_making_and_revoking_a_token_is_audited() -> None:
    store = MemoryStore()
    token, _ = add_token(
        store, person="Li Na", role="operator", scopes=("alerts:read",), days=3, by="root", now_s=WALL_S
    )
    assert (token.scopes, token.expires_at_s) == (("alerts:read",), WALL_S + 3 * DAY_S)
    revoke_token(store, token.token_id, by="Wang", reason="lost", now_s=WALL_S + 1)
    assert [(line.actor, line.move, line.reason) for line in store.audit("api tokens")] == [
        ("root", "add", ""),
        ("Wang", "revoke", "lost"),
    ]
    with pytest.raises(MeterwatchError, match="revoked by Wang already"):
        revoke_token(store, token.token_id, by="Wang", reason="lost", now_s=WALL_S + 2)
    with pytest.raises(NotFound, match="token list"):
        revoke_token(store, "k9", by="Wang", reason="lost", now_s=WALL_S)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person": " "}, "name of the person"),
        ({"by": ""}, "who makes it"),
        ({"role": "boss"}, "no role 'boss'"),
        ({"scopes": ("alerts:erase",)}, "no scope 'alerts:erase'"),
        ({"days": 0}, "at least a day"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {
        "person": "Li Na", "role": "reader", "scopes": (), "days": None, "by": "root", "now_s": 1,
    } | change  # fmt: skip
    with pytest.raises(MeterwatchError, match=words):
        add_token(MemoryStore(), **given)  # type: ignore[arg-type]


def test_every_scope_is_explained_and_every_role_has_known_scopes() -> None:
    assert set(SCOPE_MEANINGS) == set(SCOPES)
    assert {scope for of in ROLES.values() for scope in of} == set(SCOPES)
