"""Letters over a real mail server, of our own making: with TLS, with faults, with a user who must be known."""

from __future__ import annotations

import base64
import email
import email.policy
import socket
import socketserver
import ssl
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from kioskd.actions.mail import Mail
from kioskd.actions.summons import Summons, Taken
from kioskd.config.action import StaffEmail
from kioskd.core.words import CallKey

CALL = Summons("Front door", "call_staff", CallKey("hydra", "s", "call_1"), "a1", {"why": "lost\nSubject: x"}, 0.0)
PASSWORD = "c0rrect-h0rse"


class Sink(socketserver.ThreadingTCPServer):
    """A mail server that takes letters. ``refuse``: a command and the line that answers it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None, implicit: bool) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.context = context
        self.implicit = implicit
        self.refuse: dict[str, str] = {}
        self.letters: list[tuple[list[str], bytes]] = []
        self.logins: list[str] = []
        self.lines: list[str] = []
        self.closing = threading.Event()


class Talk(socketserver.BaseRequestHandler):
    server: Sink

    def handle(self) -> None:
        sock = self.request
        try:
            if self.server.implicit and self.server.context is not None:
                sock = self.server.context.wrap_socket(sock, server_side=True)
            self.talk(sock)
        except (OSError, ValueError):
            pass  # the kiosk hung up, as it may

    def talk(self, sock: Any) -> None:
        file, to = sock.makefile("rwb"), []

        def say(text: str) -> None:
            file.write(text.encode() + b"\r\n")
            file.flush()

        say("220 sink")
        while raw := file.readline():
            line = raw.decode().rstrip("\r\n")
            self.server.lines.append(line)
            verb = line.split(":")[0].split(" ")[0].upper()
            if verb in self.server.refuse:
                answer = self.server.refuse[verb]
                if answer == "hang":
                    self.server.closing.wait(30)
                    return
                if answer == "hang up":
                    return
                say(answer)
            elif verb == "EHLO":
                offers = ["250-sink", "250-AUTH PLAIN"]
                if self.server.context is not None and not self.server.implicit:
                    offers.append("250-STARTTLS")
                say("\r\n".join([*offers, "250 8BITMIME"]))
            elif verb == "STARTTLS":
                say("220 go on")
                assert self.server.context is not None
                sock = self.server.context.wrap_socket(sock, server_side=True)
                file = sock.makefile("rwb")
            elif verb == "AUTH":
                self.server.logins.append(base64.b64decode(line.split(" ")[2]).decode())
                say("235 welcome")
            elif verb == "RCPT":
                to.append(line.partition(":")[2].strip("<>"))
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                letter = b""
                while (part := file.readline()) != b".\r\n":
                    letter += part
                self.server.letters.append((to, letter))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")


@pytest.fixture
def make_sink(certificate: tuple[Path, Path]) -> Iterator[Any]:
    made: list[Sink] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])

    def make(tls: str) -> Sink:
        made.append(Sink(None if tls == "none" else context, tls == "implicit"))
        threading.Thread(target=made[-1].serve_forever, args=(0.01,), daemon=True).start()
        return made[-1]

    yield make
    for sink in made:
        sink.closing.set()
        sink.shutdown()
        sink.server_close()


def mail(sink: Sink, tls: str, host: str = "localhost", **keys: Any) -> Mail:
    given: dict[str, Any] = {"from_": "kiosk@example.org", "to": ("desk@example.org", "ben@example.org"), **keys}
    action = StaffEmail(host=host, port=sink.server_address[1], tls=tls, **given)
    return Mail("call_staff", action, (lambda: PASSWORD) if action.user else None)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_letter_arrives_over_tls(make_sink: Any, certificate: Any, monkeypatch: pytest.MonkeyPatch, tls: str) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    sink = make_sink(tls)
    assert mail(sink, tls, user="kiosk").call(CALL) == Taken("")
    ((to, raw),) = sink.letters
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    assert to == ["desk@example.org", "ben@example.org"] and letter["From"] == "kiosk@example.org"
    assert letter["Subject"] == "A visitor needs help (Front door)" and letter["Auto-Submitted"] == "auto-generated"
    assert "why: lost Subject: x" in letter.get_content()
    assert sink.logins == [f"\0kiosk\0{PASSWORD}"]


def test_the_same_call_is_the_same_letter(make_sink: Any) -> None:
    sink = make_sink("none")
    for _ in range(2):
        assert mail(sink, "none").call(CALL) == Taken("")
    first, second = (email.message_from_bytes(raw)["Message-ID"] for _, raw in sink.letters)
    assert first == second


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_that_nobody_knows_ends_it(make_sink: Any, tls: str) -> None:
    sink = make_sink(tls)
    assert "certificate cannot be verified" in mail(sink, tls, user="kiosk").call(CALL).trouble
    assert sink.letters == [] and sink.logins == []


def test_a_server_without_tls_gets_neither_password_nor_letter(make_sink: Any) -> None:
    sink = make_sink("none")
    assert "does not offer" in mail(sink, "starttls", user="kiosk").call(CALL).trouble
    assert sink.letters == [] and not any(line.startswith(("AUTH", "MAIL")) for line in sink.lines)


@pytest.mark.parametrize(
    ("verb", "answer", "why"),
    [
        ("AUTH", f"535 who is {PASSWORD}", "refuses user or password (535); see action.staff.email.password."),
        ("RCPT", "550 nobody", "delivers to none of the addresses"),
        ("DATA", "554 no", "refuses the letter (554)."),
        ("MAIL", "hang up", "the mail server hung up."),
        ("MAIL", "hang", "did not answer in time."),
    ],
)
def test_each_fault_is_a_sentence(make_sink: Any, verb: str, answer: str, why: str) -> None:
    sink = make_sink("none")
    sink.refuse[verb] = answer
    began = time.monotonic()
    taken = mail(sink, "none", user="kiosk", timeout_s=0.5 if answer == "hang" else 10.0).call(CALL)
    assert why in taken.trouble and PASSWORD not in taken.trouble and sink.letters == []
    assert time.monotonic() - began < 9


def server_that_says(what: bytes, every_s: float) -> tuple[socket.socket, threading.Event]:
    """It takes one connection and says this again and again, from the begin."""
    server, hung_up = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def talk() -> None:
        line, _ = server.accept()
        try:
            while not hung_up.wait(every_s):
                line.sendall(what)
        except OSError:
            hung_up.set()
        line.close()

    threading.Thread(target=talk, daemon=True).start()
    return server, hung_up


@pytest.mark.parametrize(
    ("what", "every_s", "timeout_s"),
    [(b"2", 0.05, 0.4), (b"220-" + b"x" * 4000 + b"\r\n", 0.0, 60.0)],
    ids=["trickles", "talks on and on"],
)
def test_a_server_that_never_gets_to_the_point_is_left(what: bytes, every_s: float, timeout_s: float) -> None:
    server, hung_up = server_that_says(what, every_s)
    action = StaffEmail(
        host="127.0.0.1", port=server.getsockname()[1], tls="none", timeout_s=timeout_s, from_="a@b.c", to=("d@e.f",)
    )
    began = time.monotonic()
    try:
        assert Mail("call_staff", action, None).call(CALL).trouble
        assert time.monotonic() - began < 5.0
    finally:
        hung_up.set()
        server.close()


def test_one_address_that_is_refused_does_not_keep_the_letter_from_the_other(make_sink: Any, caplog: Any) -> None:
    sink = make_sink("none")
    asked: list[str] = []

    class Once(dict[str, str]):
        def __contains__(self, verb: object) -> bool:
            asked.append(str(verb))
            return verb == "RCPT" and asked.count("RCPT") == 1

    sink.refuse = Once(RCPT="550 nobody")
    assert mail(sink, "none").call(CALL) == Taken("")
    assert sink.letters[0][0] == ["ben@example.org"] and "desk@example.org" in caplog.text


def test_nobody_there_is_a_sentence(make_sink: Any) -> None:
    sink = make_sink("none")
    sink.shutdown()
    sink.server_close()
    assert "cannot be reached: Connection refused" in mail(sink, "none").call(CALL).trouble


def test_a_password_that_cannot_be_read_is_told_without_it(make_sink: Any) -> None:
    sink = make_sink("none")

    def unreadable() -> str:
        raise OSError(PASSWORD)

    action = StaffEmail(host="localhost", port=sink.server_address[1], tls="none", user="k", from_="a@b", to=("c@d",))
    trouble = Mail("call_staff", action, unreadable).call(CALL).trouble
    assert "cannot be read (OSError); see action.staff.email.password" in trouble and PASSWORD not in trouble
