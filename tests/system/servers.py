"""Real servers for tests: Kafka, InfluxDB and PostgreSQL on free loopback ports, in temporary folders.

`tests/system/install_servers.sh` puts the programs in place. Every server can be stopped, killed, frozen and started
again on the same port with the same data; each waits until it truly answers.
"""

from __future__ import annotations

import atexit
import http.client
import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from uuid import uuid4

import psycopg
from psycopg import sql

HERE = Path(__file__).parent
READY_WITHIN_S = 90.0
STOPPED_WITHIN_S = 30.0
#: Below the range from which the kernel lends ports to outgoing connections: a stopped server finds its port free again.
PORTS = range(20_000, 32_000)


class ServerMissing(RuntimeError):
    """A server's program is not installed: the text says what to run."""


class ServerFailed(RuntimeError):
    """A server that ended, or did not answer in time: the text carries the end of its log."""


def cache_folder() -> Path:
    """Where `install_servers.sh` keeps what it built: ``$METERWATCH_CACHE`` or ``~/.cache/meterwatch``."""
    return Path(os.environ.get("METERWATCH_CACHE") or Path.home() / ".cache" / "meterwatch")


def wait_until(condition: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
    """Poll `condition` until it holds; TimeoutError names `what` did not come true."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.05)


def free_port() -> int:
    """A loopback TCP port that nobody listens on."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed("no free loopback port among 200 tried")


class Server:
    """One server process over one temporary folder; `start` returns when it answers.

    Use it as a context manager, or `start` and `destroy` it. `pid` is the process that was started here; only that
    process and its children are ever signalled.
    """

    name = "server"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"meterwatch-{self.name}-"))
        self.log_path = self.folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._frozen: list[int] = []
        self._watch: subprocess.Popen[bytes] | None = None

    # --- what each server says of itself
    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _environment(self) -> Mapping[str, str]:
        return dict(os.environ)

    def _prepare(self) -> None:
        """Once, before the first start."""

    def _answers(self) -> bool:
        raise NotImplementedError

    def _first_answer(self) -> None:
        """Once, after the first start."""

    def _user(self) -> dict[str, Any]:
        return {}

    # --- life
    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailed(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it, first time or again, and wait until it answers; `ServerFailed` carries the end of its log."""
        if self.running:
            return self
        first = self._process is None
        if first:
            self._prepare()
            atexit.register(self.destroy)
        self._log = self.log_path.open("ab")
        self._process = subprocess.Popen(
            self._command(),
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **self._user(),
        )
        self._end_with_us(self._process.pid)

        def ready() -> bool:
            if not self.running:
                raise ServerFailed(f"{self.name} ended while starting; the end of its log:\n{self.log_tail()}")
            return self._answers()

        try:
            wait_until(ready, f"{self.name} answers")
        except TimeoutError as error:
            raise ServerFailed(f"{error}; the end of its log:\n{self.log_tail()}") from error
        if first:
            self._first_answer()
        return self

    def stop(self) -> None:
        """End it politely and wait; the data stays."""
        if self._frozen:
            self.resume()
        self._end(self._stop_signal)

    _stop_signal = signal.SIGTERM

    def kill9(self) -> None:
        """End it with SIGKILL, children too, as a crash would; the data stays as it lay."""
        self._frozen = []
        family = self._family() if self.running else []
        self._end(signal.SIGKILL, family)

    def restart(self) -> Self:
        """Start again with the same port and data, after stopping it where it still runs."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it and its children (SIGSTOP): connections stay open and nothing answers."""
        self._frozen = self._family()
        for pid in self._frozen:
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        for pid in self._frozen:
            _signal(pid, signal.SIGCONT)
        self._frozen = []

    def destroy(self) -> None:
        """Kill it and remove its folder."""
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.destroy)

    def log_tail(self, lines: int = 40) -> str:
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def _end_with_us(self, pid: int) -> None:
        """However this process ends, even by SIGKILL: a shell that waits for its pipe to close then ends the server."""
        after = 'read -r _; kill -9 "$1" 2>/dev/null; sleep 1; rm -rf "$2"'
        self._watch = subprocess.Popen(
            ["sh", "-c", after, "watch", str(pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None

    def _family(self) -> list[int]:
        """The process and all its descendants, oldest first."""
        family, waiting = [], [self.pid]
        while waiting:
            pid = waiting.pop(0)
            family.append(pid)
            try:
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            waiting.extend(int(child) for child in children.split())
        return family

    def _end(self, with_signal: signal.Signals, family: Sequence[int] = ()) -> None:
        process = self._process
        if process is None:
            return
        self._unwatch()
        if process.poll() is None:
            for pid in family or [process.pid]:
                _signal(pid, with_signal)
            try:
                process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill9()
                return
        wait_until(lambda: not any(_alive(pid) for pid in family if pid != process.pid), f"children of {self.name} end")
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.destroy()


class KafkaServer(Server):
    """One Kafka 4 node (broker and controller, KRaft). `bootstrap` is ``host:port``, `url` is ``kafka://host:port``."""

    name = "kafka"

    def __init__(self) -> None:
        super().__init__()
        self.port, self._controller_port = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.url = f"kafka://{self.bootstrap}"

    def _java(self, *arguments: str) -> list[str]:
        jars = cache_folder() / "kafka" / "lib"
        if not any(jars.glob("kafka_*.jar")) or shutil.which("java") is None:
            raise ServerMissing(f"Kafka is not in {jars}, or there is no java: run tests/system/install_servers.sh")
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", quiet, "-cp", f"{jars}/*", *arguments]

    def _prepare(self) -> None:
        template = (HERE / "kafka" / "server.properties").read_text()
        filled = (
            template.replace("@PORT@", str(self.port))
            .replace("@CONTROLLER_PORT@", str(self._controller_port))
            .replace("@LOG_DIR@", str(self.folder / "log"))
        )
        (self.folder / "server.properties").write_text(filled)
        cluster = "bWV0ZXJ3YXRjaC10ZXN0cw"  # any 22 characters of base64
        formatting = subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties"),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if formatting.returncode != 0:
            raise ServerFailed(f"Kafka could not format its log folder:\n{formatting.stdout}{formatting.stderr}")

    def _command(self) -> Sequence[str]:
        return self._java("kafka.Kafka", "server.properties")

    def _answers(self) -> bool:
        # The listener opens when the broker is registered and serves requests.
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True, slots=True)
class InfluxAccess:
    """All that a client of one bucket needs."""

    url: str
    token: str
    org: str
    bucket: str


class InfluxServer(Server):
    """One InfluxDB 2.7, set up with an organisation, a first bucket (`access.bucket`) and an all-access token."""

    name = "influxd"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.access = InfluxAccess(f"http://127.0.0.1:{self.port}", secrets.token_hex(24), "grid", "meterwatch")

    def _command(self) -> Sequence[str]:
        program = cache_folder() / "influxdb" / "out" / "influxd"
        if not program.exists():
            raise ServerMissing(f"{program} is missing: run tests/system/install_servers.sh")
        return [
            str(program),
            "run",
            "--http-bind-address",
            f"127.0.0.1:{self.port}",
            "--engine-path",
            str(self.folder / "engine"),
            "--bolt-path",
            str(self.folder / "influxd.bolt"),
            "--sqlite-path",
            str(self.folder / "influxd.sqlite"),
            "--reporting-disabled",
            "--log-level",
            "warn",
        ]

    def _answers(self) -> bool:
        try:
            status, _ = self._request("GET", "/health")
        except (OSError, http.client.HTTPException):
            return False
        return status == 200

    def _first_answer(self) -> None:
        self._must(
            "POST",
            "/api/v2/setup",
            {
                "username": "tests",
                "password": secrets.token_hex(16),
                "org": self.access.org,
                "bucket": self.access.bucket,
                "retentionPeriodSeconds": 0,
                "token": self.access.token,
            },
        )

    def new_bucket(self, name: str | None = None) -> InfluxAccess:
        """An empty bucket that keeps everything."""
        organisations = self._must("GET", f"/api/v2/orgs?org={self.access.org}")
        bucket = name or f"bucket-{uuid4().hex[:12]}"
        body = {"orgID": organisations["orgs"][0]["id"], "name": bucket, "retentionRules": []}
        self._must("POST", "/api/v2/buckets", body)
        return replace(self.access, bucket=bucket)

    def _must(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        status, answer = self._request(method, path, body)
        if status >= 300:
            raise ServerFailed(f"influxd answers {status} to {method} {path}: {answer!r}")
        return json.loads(answer)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Token {self.access.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class PostgresServer(Server):
    """One PostgreSQL cluster of Debian's version; runs as `postgres` where the tests run as root, which it refuses."""

    name = "postgres"
    # "Fast shutdown": without it the server waits for every client to leave.
    _stop_signal = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.user = "meterwatch"
        self.password = secrets.token_hex(16)
        self.database = "meterwatch"

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database that is there from the start."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        return f"postgresql+psycopg://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str | None = None) -> str:
        """SQLAlchemy URL of an empty database."""
        database = name or f"test_{uuid4().hex[:12]}"
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url_of(database)

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _program(self, name: str) -> str:
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[-3]))
        found = str(installed[-1]) if installed else shutil.which(name)
        if found is None:
            raise ServerMissing(f"PostgreSQL's {name} is not installed: run tests/system/install_servers.sh")
        return found

    def _user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        try:
            account = pwd.getpwnam("postgres")
        except KeyError as error:
            raise ServerMissing("there is no user postgres: run tests/system/install_servers.sh") from error
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}

    def _prepare(self) -> None:
        self.log_path.touch()
        if user := self._user():
            os.chown(self.folder, user["user"], user["group"])
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)  # the folder itself is closed to others
        initdb = [
            self._program("initdb"),
            "--pgdata",
            str(self.folder / "cluster"),
            "--username",
            self.user,
            "--pwfile",
            str(password_file),
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--no-sync",
        ]
        made = subprocess.run(
            initdb,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            **self._user(),
        )
        if made.returncode != 0:
            raise ServerFailed(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "64MB",
            # A killed process loses nothing that the kernel holds; only a machine that falls does.
            "fsync": "off",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [self._program("postgres"), "-D", str(self.folder / "cluster"), *options]

    def _answers(self) -> bool:
        try:
            with self._connect("postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _first_answer(self) -> None:
        self.new_database(self.database)


def _signal(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
