"""Who looks, in which language and light: read from the browser's cookies, so that nothing is kept about people here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from starlette.requests import Request

from desk.texts import Language, Words, language_of

Theme = Literal["dark", "light"]

LANGUAGE_COOKIE = "desk_language"
THEME_COOKIE = "desk_theme"
NAME_COOKIE = "desk_name"
COOKIE_SECONDS = 365 * 86_400
NAME_LENGTH = 60
UNNAMED = "unnamed"


@dataclass(frozen=True)
class Visit:
    """One request of one browser. `name` is empty until the person has said it."""

    say: Words
    theme: Theme
    name: str
    path: str

    @property
    def language(self) -> Language:
        return self.say.language


def visit_of(request: Request, default: Language) -> Visit:
    """The browser's own choice, else what it asks for, else the desk's `default`."""
    cookies = request.cookies
    asked = request.headers.get("accept-language", "").split(",")[0]
    language = language_of(cookies.get(LANGUAGE_COOKIE)) or language_of(asked) or default
    query = f"?{request.url.query}" if request.url.query else ""
    return Visit(
        Words(language),
        "light" if cookies.get(THEME_COOKIE) == "light" else "dark",
        unquote(cookies.get(NAME_COOKIE, "")).strip()[:NAME_LENGTH],
        request.url.path + query,
    )


def local_address(address: str) -> str:
    """`address` if it stays on this desk, else the control room: a link must not lead a person elsewhere.

    >>> local_address("/alerts?page=2"), local_address("//elsewhere/x"), local_address("https://elsewhere/")
    ('/alerts?page=2', '/', '/')
    """
    stays = address.startswith("/") and not address.startswith(("//", "/\\")) and "\n" not in address
    return address if stays else "/"
