"""Kill -9 of a served demo, whatever it was doing: it goes on in its folder, with every reading and every word of a person once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from metering.errors import MeterwatchError
from monitor.demo_folder import Asked, begin_demo
from monitor.wire import relay_bytes
from operations.failpoints import VARIABLE
from operations.handle_alert import comment_alert
from storage.sql import SqlStore

SIZE = ("--days", "10", "--areas", "3")
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@dataclass
class Demo:
    folder: Path
    comments: int = 0

    @contextmanager
    def life(self, *options: str, failpoint: str = "") -> Iterator[subprocess.Popen[bytes]]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("METERWATCH_")}
        env |= {"METERWATCH_CHECKPOINT_MESSAGES": "50", "METERWATCH_DESK_PORT": str(free_port())}
        env |= {VARIABLE: failpoint} if failpoint else {}
        command = [sys.executable, "-m", "monitor.command_line", "demo", "--out", str(self.folder), *options]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                yield process
            finally:
                process.kill()

    def dies_at(self, failpoint: str) -> None:
        with self.life(failpoint=failpoint) as process:
            process.wait(PATIENCE_S)
            assert process.returncode == -signal.SIGKILL

    def ends(self, *options: str) -> None:
        with self.life("--no-serve", *options) as process:
            said = b"" if process.stdout is None else process.stdout.read()
            assert process.wait(PATIENCE_S) == 0, said.decode()

    def store(self) -> closing[SqlStore]:
        return closing(SqlStore(f"sqlite:///{self.folder / 'state.sqlite'}"))

    def says(self, words: str) -> None:
        """A person comments on every alert there is: nothing of what is judged follows from it."""
        with self.store() as store:
            for alert in store.alerts():
                now_s = max(mark.clock_s for mark in store.marks("judge"))
                comment_alert(store, alert.alert_id, None, note=words, actor="Li Na", now_s=now_s, encode=relay_bytes)
                self.comments += 1

    def has_alerts(self) -> bool:
        with self.store() as store:
            return bool(store.alerts())

    def relayed_everything(self) -> bool:
        with self.store() as store:
            return not store.relay_batch(1)

    def report(self) -> dict[str, object]:
        found = json.loads((self.folder / "report.json").read_text())
        # days pass in less than a second here: which morning list is made in time depends on the machine
        measured = ("wall_seconds", "cpu_seconds", "readings_per_second", "peak_rss_bytes", "notifications")
        return {name: value for name, value in found.items() if name not in measured}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("undisturbed") / "run")
    demo.ends(*SIZE)
    return demo


def test_a_killed_demo_goes_on_with_nothing_lost_and_nothing_twice(undisturbed: Demo, tmp_path: Path) -> None:
    killed = Demo(tmp_path / "run")
    begin_demo(killed.folder, Asked(10, 3))
    shutil.copytree(undisturbed.folder / "feed", killed.folder / "feed")
    killed.dies_at("after_commit_before_dispatch:3")
    with killed.life():
        until(killed.has_alerts)
    killed.says("I look at it")
    assert killed.comments
    killed.dies_at("after_decision_before_commit")
    killed.says("still looking")
    with killed.life():
        until(killed.relayed_everything)
    killed.says("tomorrow")
    with killed.life():
        until(lambda: killed.relayed_everything() and (killed.folder / "report.json").exists())
    killed.ends()
    for name in ("alerts.jsonl", "tasks.jsonl"):
        assert (killed.folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()
    assert killed.report() == undisturbed.report()
    with killed.store() as store:
        assert store.counters()["decisions.alert.comment"] == killed.comments
        assert not store.announcements_waiting(2**62, 1)


def until(true: object) -> None:
    assert callable(true)
    ends = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_demo_of_another_size_is_not_gone_on_with(tmp_path: Path) -> None:
    begun = begin_demo(tmp_path / "run", Asked(days=8))
    assert begin_demo(tmp_path / "run", Asked()).size == begun.size
    with pytest.raises(MeterwatchError, match="holds a demo of 8 days and 20 areas"):
        begin_demo(tmp_path / "run", Asked(days=9))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("not ours")
    with pytest.raises(MeterwatchError, match="is not empty"):
        begin_demo(tmp_path / "other", Asked())
