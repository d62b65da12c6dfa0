"""The API describes itself: every address with scope and words, every kind of problem, on a page that needs no network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desk.api.problems import KINDS
from metering.access import ROLES, SCOPES
from tests.unit.desk.api.conftest import World

PAGE = Path(__file__).parents[4] / "docs" / "api.md"


async def test_the_description_is_open_to_everybody_and_complete(world: World) -> None:
    answer = await world.get("/openapi.json", None)
    assert answer.status_code == 200
    told = answer.json()
    assert told["servers"] == [{"url": "/api/v1"}]
    for path, methods in told["paths"].items():
        for method, of in methods.items():
            assert of["x-scope"] in SCOPES, path
            assert of["summary"], path
            assert of["description"], path
            if method == "post":
                assert "Idempotency-Key" in {p["name"].title() for p in of["parameters"]}, path


async def test_the_documentation_page_asks_for_nothing_from_elsewhere(world: World) -> None:
    page = (await world.get("/docs", None)).text
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {"openapi.json", "/static/desk.css"}
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(re.findall(r'id="([^"]+)"', page))
    for path in (await world.get("/openapi.json", None)).json()["paths"]:
        assert path in page
    for slug in KINDS:
        assert f'id="problem-{slug}"' in page


@pytest.mark.parametrize("word", [*SCOPES, *ROLES, *KINDS])
def test_every_scope_role_and_kind_of_problem_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE.read_text(encoding="utf-8")


def test_every_address_is_in_the_documentation(world: World) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path, methods in world.api.openapi()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} /api/v1{path}`" in text


async def test_tasks_and_findings_are_read_with_names_for_those_who_handle_alerts(world: World) -> None:
    task = (await world.get("/tasks/t-1")).json()
    assert (task["assignee"], task["state"], task["alert_ids"]) == ("Wang", "assigned", ["a-1"])
    assert [line["what"] for line in task["history"]] == ["assign"]
    (listed,) = (await world.get("/tasks?state=assigned&area=TA-1&open_only=true")).json()["tasks"]
    assert listed["task_id"] == "t-1"
    assert (await world.get("/tasks?state=closed")).json()["tasks"] == []
    (found,) = (await world.get("/findings?meter=M-2&since=2026-02-28T00:00:00Z")).json()["findings"]
    assert (found["found_by"], found["note"]) == ("Wang Fang", "a second cable behind the board")
    for path in ("/tasks/t-1", "/tasks", "/findings"):
        hidden = (await world.get(path, "reader")).text
        assert "Wang" not in hidden
        assert "cable" not in hidden
    assert (await world.get("/tasks?assignee=Wang", "reader")).status_code == 403
    assert (await world.get("/tasks/t-9")).status_code == 404


async def test_a_silence_is_made_changed_and_ended(world: World) -> None:
    asked = {"meter_id": "M-1", "ends_at": "2026-03-03T00:00:00Z", "reason": "temporary supply"}
    made = await world.post("/silences", asked)
    assert made.status_code == 201, made.text
    silence = made.json()
    assert (silence["by"], silence["in_force"], silence["starts_at"]) == ("Li Na", True, "2026-03-01T00:00:00Z")
    path = f"/silences/{silence['silence_id']}"
    moved = await world.post(f"{path}/change", {"ends_at": "2026-03-04T00:00:00Z", "reason": "a day more"})
    assert moved.json()["ends_at"] == "2026-03-04T00:00:00Z"
    (listed,) = (await world.get("/silences")).json()["silences"]
    assert [line["what"] for line in listed["history"]] == ["silence", "silence.change"]
    ended = await world.post(f"{path}/end", {"reason": "harvest is in"})
    assert ended.json()["in_force"] is False
    assert (await world.get("/silences")).json()["silences"] == []
    (over,) = (await world.get("/silences?over=true", "reader")).json()["silences"]
    assert over["ended_early_at"] == "2026-03-01T00:00:00Z"
    assert (over["by"], over["reason"], over["history"][0]["words"]) == (None, None, None)


@pytest.mark.parametrize(
    "change", [{"reason": ""}, {"ends_at": "2026-02-01T00:00:00Z"}, {"meter_id": "M-9"}, {"abnormality": "bad_mood"}]
)
async def test_a_silence_that_cannot_be_is_refused_in_words(world: World, change: dict[str, str]) -> None:
    asked = {"meter_id": "M-1", "ends_at": "2026-03-03T00:00:00Z", "reason": "temporary supply"} | change
    answer = await world.post("/silences", asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not world.store.audit("silences")


async def test_short_lists_are_paged_by_cursor_too(world: World) -> None:
    for meter in ("M-1", "M-2", "M-3"):
        await world.post(
            "/silences", {"meter_id": meter, "ends_at": "2026-03-03T00:00:00Z", "reason": "temporary supply"}
        )
    first = (await world.get("/silences?limit=2")).json()
    assert ([s["meter_id"] for s in first["silences"]], first["previous"], first["count"]) == (["M-1", "M-2"], None, 3)
    second = (await world.get(f"/silences?limit=2&cursor={first['next']}")).json()
    assert ([s["meter_id"] for s in second["silences"]], second["next"]) == (["M-3"], None)
    back = (await world.get(f"/silences?limit=2&cursor={second['previous']}")).json()
    assert back["silences"] == first["silences"]
