"""What the API's page in the documentation says by itself: addresses, scopes, roles, and the kinds of problem."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.routing import APIRoute

from desk.api.app import BASE, ROUTERS
from desk.api.problems import KINDS
from metering.access import ROLES, SCOPE_MEANINGS


def addresses_table() -> str:
    rows = [
        (f"`{method} {BASE}{route.path}`", f"`{(route.openapi_extra or {})['x-scope']}`", route.summary or "")
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    return _table(("address", "scope", "what it is for"), rows)


def scopes_table() -> str:
    rows = [
        (f"`{scope}`", meaning, ", ".join(f"`{role}`" for role, of in ROLES.items() if scope in of))
        for scope, meaning in SCOPE_MEANINGS.items()
    ]
    return _table(("scope", "allows to", "roles"), rows)


def problems_table() -> str:
    rows = [(f"`{slug}`", str(kind.status), kind.title, kind.what_to_do) for slug, kind in KINDS.items()]
    return _table(("kind", "status", "meaning", "what to do"), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
