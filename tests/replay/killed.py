"""A place under watch whose worker dies again and again, with real receivers that outlive it and know each key they have seen."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from metering.notification import DESK, Delivery
from storage.sql import SqlStore
from tests.replay.paging_process import PLAN, STATE, run
from tests.unit.notify.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver

_PROCESSES = multiprocessing.get_context("forkserver")
# its imports are paid once, not with every life of the worker
_PROCESSES.set_forkserver_preload(["tests.replay.paging_process", "notify.apprise_channel"])
PATIENCE_S = 300.0

NOTIFY_PLAN = """
[channels.hook]
kind = "webhook"
url = "{hook}"
secret_file = "secret"
[channels.mail]
kind = "apprise"
url = "mailto://127.0.0.1:{mail}?from=a@example.org&to=b@example.org&mode=insecure"
[[on_call]]
channel = "hook"
[[on_call]]
channel = "mail"
"""


@dataclass
class Site:
    """`deaths` counts how often the worker died."""

    folder: Path
    hook: HttpReceiver
    mail: MailReceiver
    database_url: str = ""
    only_deliver: bool = False
    deaths: int = 0
    draw: random.Random = field(default_factory=lambda: random.Random(6))

    def dies_at(self, failpoint: str) -> None:
        """A worker that must reach the named place, and dies there."""
        process = self._begin(failpoint)
        process.join(PATIENCE_S)
        assert process.exitcode == -signal.SIGKILL, f"{failpoint}: exit code {process.exitcode}"
        self.deaths += 1

    def dies_within(self, seconds: float) -> None:
        """A worker that is killed at a random moment, if it lives so long."""
        process = self._begin("")
        process.join(self.draw.uniform(0.0, seconds))
        if process.exitcode is None:
            process.kill()
            process.join(PATIENCE_S)
            self.deaths += 1
        assert process.exitcode in (0, -signal.SIGKILL)

    def lives(self) -> None:
        """A worker that ends by itself when everything is told."""
        process = self._begin("")
        process.join(PATIENCE_S)
        assert process.exitcode == 0

    def outbox(self) -> list[Delivery]:
        with closing(SqlStore(self.database_url or f"sqlite:///{self.folder / STATE}")) as store:
            return list(store.deliveries())

    def keys(self, channel: str) -> set[str]:
        return {d.notification.notification_id for d in self.outbox() if d.notification.channel == channel}

    def _begin(self, failpoint: str) -> multiprocessing.context.ForkServerProcess:
        process = _PROCESSES.Process(
            target=run,
            args=(self.folder, failpoint, self.database_url),
            kwargs={"only_deliver": self.only_deliver},
        )
        process.start()
        return process


@contextmanager
def site(folder: Path, database_url: str = "") -> Iterator[Site]:
    folder.mkdir(exist_ok=True)
    with http_receiver() as hook, mail_receiver() as mail:
        (folder / "secret").write_text("s3cret\n")
        (folder / PLAN).write_text(NOTIFY_PLAN.format(hook=hook.url, mail=mail.port), encoding="utf-8")
        yield Site(folder, hook, mail, database_url)


def assert_told_once_each(killed: Site, undisturbed: Site) -> None:
    """Everything that is told without any death is told: at least once, with the same key and words each time."""
    assert {d.state for d in killed.outbox()} == {"delivered"}
    for channel in ("hook", "mail", DESK):
        assert killed.keys(channel) == undisturbed.keys(channel)
    assert killed.hook.seen == killed.keys("hook")
    assert killed.mail.seen == killed.keys("mail")
    said = defaultdict(set)
    for request in killed.hook.taken:
        said[request.key].add(request.body)
    assert {key: len(bodies) for key, bodies in said.items()} == dict.fromkeys(said, 1)
    for count in (len(killed.hook.taken) - len(killed.hook.seen), len(killed.mail.mails) - len(killed.mail.seen)):
        assert count <= killed.deaths
    assert_in_order(killed)


def assert_in_order(killed: Site) -> None:
    """Within a group nothing is told before what came before it."""
    made = {d.notification.notification_id: d.notification for d in killed.outbox()}
    latest: Counter[str] = Counter()
    told_first = dict.fromkeys(request.key for request in killed.hook.taken)
    for key in told_first:
        told = made[key]
        assert told.serial > latest[told.group]
        latest[told.group] = told.serial
