"""Real receivers for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.notify.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as opened:
        yield opened


@pytest.fixture
def mailbox() -> Iterator[MailReceiver]:
    with mail_receiver() as opened:
        yield opened
