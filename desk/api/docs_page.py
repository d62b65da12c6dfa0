"""The API's documentation as one page without a script: made of its own OpenAPI description, readable without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desk.api.problems import KINDS
from desk.markup import Markup, el, joined
from metering.access import ROLES, SCOPE_MEANINGS

_TRY = """curl -H "Authorization: Bearer mw_..." 'http://127.0.0.1:8080/api/v1/alerts?shown=raised&urgency=page&limit=20'"""


def docs_page(openapi: Mapping[str, Any]) -> str:
    """A whole HTML document."""
    schemas = openapi.get("components", {}).get("schemas", {})
    body = el(
        "main",
        el("h1", f"{openapi['info']['title']} API {openapi['info']['version']}"),
        el("p", openapi["info"]["description"]),
        el("pre", el("code", _TRY)),
        el("p", "The same for machines: ", el("a", "openapi.json", href="openapi.json"), "."),
        _access(),
        el("h2", "Addresses", id="addresses"),
        *_operations(openapi),
        _problems(),
        el("h2", "What is sent", id="schemas"),
        *(
            _schema(name, schema)
            for name, schema in schemas.items()
            if name not in ("HTTPValidationError", "ValidationError")
        ),
        class_="page api-docs",
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", "Meterwatch API"),
        el("link", rel="stylesheet", href="/static/desk.css"),
    )
    return joined(Markup("<!doctype html>"), el("html", head, el("body", body), lang="en", data_theme="light"))


def _access() -> Markup:
    scopes = [el("tr", el("td", el("code", scope)), el("td", meaning)) for scope, meaning in SCOPE_MEANINGS.items()]
    roles = [el("li", el("code", role), ": ", ", ".join(of)) for role, of in ROLES.items()]
    return joined(
        el("h2", "Tokens and scopes", id="access"),
        el(
            "p",
            "A token is made where the store is: ",
            el("code", 'meterwatch token add --person "Li Na" --role operator --by "Wang Fang"'),
            ". It is shown once. Acts are signed with its person's name. A POST may carry an ",
            el("code", "Idempotency-Key"),
            ": the same request with the same key is done once, and answered alike for a day.",
        ),
        el("table", el("tbody", *scopes), class_="list"),
        el("p", "Roles:"),
        el("ul", *roles),
    )


def _operations(openapi: Mapping[str, Any]) -> Iterator[Markup]:
    for path, methods in openapi["paths"].items():
        for method, told in methods.items():
            body = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            answered = next(of for status, of in told["responses"].items() if status.startswith("2"))
            parameters = [_parameter(each) for each in told.get("parameters", ())]
            yield el(
                "section",
                el("h3", el("code", f"{method.upper()} {path}")),
                el("p", told["summary"], ": ", told.get("description", "")),
                el("p", "Scope: ", el("code", told["x-scope"]), class_="note"),
                el("table", el("tbody", *parameters), class_="list") if parameters else None,
                el("p", "Takes ", _type(body)) if body else None,
                el("p", "Answers ", _type(answered["content"]["application/json"]["schema"])),
                class_="card",
            )


def _parameter(told: Mapping[str, Any]) -> Markup:
    need = "required" if told.get("required") else ""
    return el(
        "tr",
        el("td", el("code", told["name"])),
        el("td", told["in"], " ", need),
        el("td", _type(told["schema"])),
        el("td", told.get("description", "")),
    )


def _problems() -> Markup:
    rows = [
        el(
            "tr",
            el("td", el("code", slug)),
            el("td", kind.status),
            el("td", kind.title),
            el("td", kind.what_to_do),
            id=f"problem-{slug}",
        )
        for slug, kind in KINDS.items()
    ]
    return joined(
        el("h2", "When it refuses", id="problems"),
        el(
            "p",
            "The answer is a problem (RFC 9457, ",
            el("code", "application/problem+json"),
            ") of one of these kinds.",
        ),
        el("table", el("tbody", *rows), class_="list"),
    )


def _schema(name: str, schema: Mapping[str, Any]) -> Markup:
    required = schema.get("required", ())
    rows = [
        el(
            "tr",
            el("td", el("code", field)),
            el("td", _type(of)),
            el("td", "required" if field in required else ""),
            el("td", of.get("description", "")),
        )
        for field, of in schema.get("properties", {}).items()
    ]
    words = [el("code", str(word)) for word in schema.get("enum", ())]
    return el(
        "section",
        el("h3", name, id=f"schema-{name}"),
        el("p", schema.get("description", "")),
        el("p", *(joined(word, " ") for word in words)) if words else None,
        el("table", el("tbody", *rows), class_="list") if rows else None,
        class_="card",
    )


def _type(schema: Mapping[str, Any]) -> Markup:
    """The type of a value in words, with a link where it is described by itself."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return el("a", name, href=f"#schema-{name}")
    if "anyOf" in schema:
        parts = [_type(each) for each in schema["anyOf"]]
        return joined(parts[0], *(joined(" or ", part) for part in parts[1:]))
    if "enum" in schema:
        return joined(" | ".join(map(str, schema["enum"])))
    if "const" in schema:
        return joined(str(schema["const"]))
    if schema.get("type") == "array":
        return joined("list of ", _type(schema.get("items", {})))
    return joined(str(schema.get("format") or schema.get("type") or "anything"))
