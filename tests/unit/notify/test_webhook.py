"""The webhook against a real HTTP server: what is sent, what is proof of who sent it, and which answers may pass."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from metering.errors import NotSent
from notify.post import LONGEST_WAIT_S
from notify.signature import FRESH_S, SIGNATURE, TIMESTAMP, verified
from notify.webhook import Webhook
from tests.unit.notify.made_notifications import WRITER, notification
from tests.unit.notify.receivers import Answer, HttpReceiver

PAGE = notification(12)


def refusal(webhook: Webhook) -> NotSent:
    with pytest.raises(NotSent) as caught:
        webhook.send(PAGE)
    return caught.value


def test_one_post_carries_the_message_and_its_key(receiver: HttpReceiver) -> None:
    Webhook(receiver.url, WRITER).send(PAGE)
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert request.key == PAGE.notification_id
    assert request.json()["version"] == "4"
    assert SIGNATURE.lower() not in request.headers


def test_the_same_notification_has_the_same_key_and_the_same_body_each_time(receiver: HttpReceiver) -> None:
    webhook = Webhook(receiver.url, WRITER)
    webhook.send(PAGE)
    webhook.send(PAGE)
    first, second = receiver.requests
    assert (first.key, first.body) == (second.key, second.body)


def test_the_signature_proves_secret_time_and_body(receiver: HttpReceiver) -> None:
    Webhook(receiver.url, WRITER, secrets=["new", "old"], clock=lambda: 1000.0).send(PAGE)
    (request,) = receiver.requests
    signature, timestamp = request.headers[SIGNATURE.lower()], int(request.headers[TIMESTAMP.lower()])
    assert timestamp == 1000
    assert verified("new", timestamp, request.body, signature, 1000)
    assert verified("old", timestamp, request.body, signature, 1000 + FRESH_S)
    assert not verified("other", timestamp, request.body, signature, 1000)
    assert not verified("new", timestamp, request.body + b" ", signature, 1000)
    assert not verified("new", timestamp + 1, request.body, signature, 1000)
    assert not verified("new", timestamp, request.body, signature, 1001 + FRESH_S)


@pytest.mark.parametrize("status", [408, 423, 425, 429, 500, 502, 503, 504])
def test_these_answers_may_pass(receiver: HttpReceiver, status: int) -> None:
    receiver.always = Answer(status)
    assert refusal(Webhook(receiver.url, WRITER)).recoverable


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422])
def test_these_answers_say_the_same_tomorrow_and_repeat_no_word_of_the_receiver(
    receiver: HttpReceiver, status: int
) -> None:
    """What it writes may hold the address it was asked at, and with it a token."""
    receiver.always = Answer(status, body=b"no such hook /hook/very-secret-token?key=other-secret")
    error = refusal(Webhook(receiver.url, WRITER))
    assert not error.recoverable
    assert str(error).startswith(f"answered {status}")
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: HttpReceiver, status: int) -> None:
    receiver.answers.append(Answer(status, {"Location": receiver.url + "/elsewhere"}))
    error = refusal(Webhook(receiver.url, WRITER))
    assert not error.recoverable
    assert "redirect" in str(error)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7.0), ("Thu, 01 Jan 1970 00:20:00 GMT", 200.0), ("999999", LONGEST_WAIT_S), ("soon", None)],
)
def test_the_receiver_may_say_when_to_come_again(receiver: HttpReceiver, header: str, wait_s: float | None) -> None:
    receiver.always = Answer(429, {"Retry-After": header})
    assert refusal(Webhook(receiver.url, WRITER, clock=lambda: 1000.0)).after_s == wait_s


def test_no_answer_in_time_may_pass(receiver: HttpReceiver) -> None:
    receiver.always = Answer(hold=True)
    error = refusal(Webhook(receiver.url, WRITER, answer_s=0.1))
    assert error.recoverable
    assert str(error) == "no answer within 0.1 s"


def test_nobody_there_may_pass_and_the_address_is_no_part_of_the_reason(receiver: HttpReceiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = refusal(Webhook(f"http://127.0.0.1:{port}/hook?token=secret", WRITER))
    assert error.recoverable
    assert str(error) == "cannot be reached (Connection refused)"


def test_a_receiver_that_hangs_up_may_pass() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        error = refusal(Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", WRITER))
        thread.join()
    assert error.recoverable


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    try:
        subprocess.run(
            [*made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed here")
    return certificate, key


def test_a_certificate_that_nobody_vouches_for_is_not_trusted_unless_its_authority_is_named(
    certificate: tuple[Path, Path],
) -> None:
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"https://127.0.0.1:{server.server_address[1]}/hook"
            error = refusal(Webhook(url, WRITER))
            assert error.recoverable
            assert "certificate is not trusted" in str(error)
            assert not taken
            Webhook(url, WRITER, authorities=certificate[0]).send(PAGE)
            assert taken == ["/hook"]
        finally:
            server.shutdown()
            thread.join()
