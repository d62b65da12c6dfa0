"""The one page without a token: it asks for it."""

from __future__ import annotations

from desk.markup import Markup, el, joined
from desk.visit import Visit


def sign_in_page(visit: Visit, back: str, *, wrong: bool) -> str:
    """A whole HTML document; `back` must be an address of this desk."""
    say = visit.say
    body = el(
        "main",
        el(
            "form",
            el("h1", say("sign_in.title")),
            el("p", say("sign_in.note"), class_="note"),
            el("p", say("sign_in.wrong"), class_="late", role="alert") if wrong else None,
            el(
                "label",
                el("span", say("sign_in.token")),
                el("input", type="password", name="token", required=True, autocomplete="current-password"),
            ),
            el("input", type="hidden", name="back", value=back),
            el("button", say("sign_in.enter"), type="submit", class_="button primary"),
            method="post",
            action="/sign-in",
            class_="card sign-in",
        ),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", say("brand")),
        el("link", rel="stylesheet", href="/static/desk.css"),
    )
    document = el(
        "html",
        head,
        el("body", body),
        lang="zh-CN" if visit.language == "zh" else "en",
        data_theme=visit.theme,
    )
    return joined(Markup("<!doctype html>"), document)
