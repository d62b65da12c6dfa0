"""Who may reach the desk: only this machine, unless a token is set; and no other site's page may act through it."""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metering.errors import SettingsError

TOKEN_COOKIE = "desk_token"  # noqa: S105 - the name of a cookie
TOKEN_SETTING = "METERWATCH_DESK_TOKEN"  # noqa: S105 - the name of a setting
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: The API asks every caller for a token of its own.
OPEN_PATHS = ("/sign-in", "/health", "/static/", "/api/v1/")
SHORTEST_TOKEN = 16


def token_stamp(token: str) -> str:
    """What the browser keeps instead of the token itself."""
    return blake2b(token.encode(), digest_size=32, person=b"desk").hexdigest()


def check_exposure(host: str, token: str | None) -> None:
    """Refuse to listen beyond this machine without a token, and to take a token that can be guessed."""
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise SettingsError(f"{TOKEN_SETTING} is shorter than {SHORTEST_TOKEN} characters: choose a longer one")
    if token is None and host not in LOOPBACK:
        raise SettingsError(
            f"the desk would listen on {host} without a token: set {TOKEN_SETTING}, or listen on 127.0.0.1"
        )


class Gate:
    """ASGI middleware in front of every page, socket and file."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token
        self._stamp = None if token is None else token_stamp(token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._right_place(headers):
            await _refuse(scope, receive, send, "this desk answers only to its own address")
        elif self._known(headers) or scope["path"].startswith(OPEN_PATHS):
            await self._app(scope, receive, _careful(send))
        elif scope["type"] == "http" and scope["method"] == "GET":
            back = quote(scope["path"], safe="/")
            await RedirectResponse(f"/sign-in?back={back}", 303)(scope, receive, send)
        else:
            await _refuse(scope, receive, send, "sign in first")

    def _right_place(self, headers: Headers) -> bool:
        """Another site's script must reach the desk neither under a borrowed name nor from its own origin."""
        host = headers.get("host", "")
        if self._token is None and (urlsplit(f"//{host}").hostname or "") not in LOOPBACK:
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == host

    def _known(self, headers: Headers) -> bool:
        if self._token is None or self._stamp is None:
            return True
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and compare_digest(shown.encode(), self._token.encode()):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        kept = cookies.get(TOKEN_COOKIE)
        return kept is not None and compare_digest(kept.value.encode(), self._stamp.encode())


def _careful(send: Send) -> Send:
    """Pages are never framed by another site, and their addresses (task numbers) never told to one."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("X-Frame-Options", "DENY")
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4403, "reason": why})
        return
    await PlainTextResponse(why, 403)(scope, receive, send)
