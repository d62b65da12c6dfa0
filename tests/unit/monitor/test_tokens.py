"""`meterwatch token`: a token is shown once, listed without its secret, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.command_line import app
from operations.api_tokens import token_shown
from storage.sql import SqlStore


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    SqlStore(url).close()
    monkeypatch.setenv("METERWATCH_DATABASE_URL", url)
    return url


def meterwatch(*arguments: str) -> list[str]:
    ended = CliRunner().invoke(app, ["token", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output.splitlines()


def test_a_token_is_shown_once_listed_and_revoked(url: str) -> None:
    assert meterwatch("list") == ["there are no tokens: nobody but the desk itself calls the API"]
    line, shown = meterwatch("add", "--person", "Li Na", "--by", "Wang", "--role", "reader", "--days", "30")
    assert "Li Na, reader (alerts:read tasks:read)" in line
    assert "good until" in line
    store = SqlStore(url)
    token = token_shown(store, shown, 0)
    assert token is not None
    assert meterwatch("list") == [line]
    (revoked,) = meterwatch("revoke", token.token_id, "--by", "Wang", "--reason", "lost")
    assert revoked.endswith("by Wang")
    assert "revoked" in revoked
    assert token_shown(store, shown, 0) is None
    store.close()
