"""Semantic checks of the ways to reach people (``tools[].action.staff``) and of the broker (``mqtt``)."""

from __future__ import annotations

import re
from typing import Iterator

from kioskd.config.action import StaffAction, StaffAnswer, StaffBell, StaffEmail
from kioskd.config.addresses import is_host, is_loopback, split_url
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import words
from kioskd.config.sections import Config
from kioskd.core.template import PLACE, names

WAYS = ("url", "mqtt", "email", "bell", "page")
# Enough to find a slip of the pen; the server knows better. No line break, no second address.
_MAILBOX = re.compile(r"[^\s@,;:<>()\[\]\"\\]{1,64}@[^\s@,;:<>()\[\]\"\\]{1,255}")
_ANSWER_NAMES = frozenset(("answer_id", "call_id", "kiosk"))


def staff(at: str, action: StaffAction, config: Config) -> Iterator[Finding]:
    """Findings about one tool that calls people."""
    if all(getattr(action, name) is None for name in WAYS):
        sentence = f"has no way to reach anybody; give at least one of {words(WAYS)}"
        yield Finding(at, sentence, tuple(f"{at}.{name}" for name in WAYS))
    if action.url is not None:
        yield from address(f"{at}.url", action.url, action.lan)
    if action.token is not None and action.url is None and (action.answer is None or action.answer.url is None):
        yield Finding(f"{at}.token", "is for an address, and there is none", (f"{at}.url",), warning=True)
    if action.mqtt is not None:
        yield from _topic(f"{at}.mqtt.topic", action.mqtt.topic, config)
    if action.email is not None:
        yield from _email(f"{at}.email", action.email)
    if action.bell is not None:
        yield from _bell(f"{at}.bell", action.bell)
    if action.answer is not None:
        yield from _answer(f"{at}.answer", action.answer, action.lan, config)


def mqtt(config: Config, lines: Lines) -> Iterator[Finding]:
    """Findings of the section ``mqtt``."""
    broker = config.mqtt
    if broker is None:
        return
    if not is_host(broker.host):
        yield Finding("mqtt.host", "names a host that cannot be one; write its name or address alone")
    elif not broker.tls and not is_loopback(broker.host):
        sentence = "is not encrypted, and the broker is not on this device: what staff answer could be anybody's"
        yield Finding("mqtt.tls", sentence, ("mqtt.host",))
    if broker.password is not None and broker.user is None:
        yield Finding("mqtt.password", "has no effect without user", ("mqtt.user",))
    if broker.ca_file is not None and not broker.ca_file.startswith("/"):
        yield Finding("mqtt.ca_file", "is relative to wherever the daemon is started; write the whole path")
    if broker.ca_file is not None and not broker.tls:
        yield Finding("mqtt.ca_file", "has no effect without tls", ("mqtt.tls",), warning=True)
    if broker.client_id is not None and not re.fullmatch(r"[\x21-\x7e]{1,64}", broker.client_id):
        yield Finding("mqtt.client_id", "must be 1 to 64 characters without a space")
    yield from _topic_as_such("mqtt.topic", broker.topic)


def address(at: str, url: str, lan: bool) -> Iterator[Finding]:
    """Findings about an address that an action asks; ``{NAME}`` may stand behind its host."""
    scheme, host, trouble = split_url(PLACE.sub("x", url))
    if trouble:
        yield Finding(at, trouble.replace("wss://", "https://"))
    elif PLACE.search(re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]):
        yield Finding(at, "has an argument in its host; an argument may stand in path and query only")
    elif re.search(r"[/?#].*[^\x00-\x7f]", url.partition("://")[2]):
        yield Finding(at, "holds characters that no address has; write them percent-encoded, as %C3%BC")
    elif scheme not in ("https", "http"):
        yield Finding(at, "must begin with https:// (or http:// for a service on this device)")
    elif scheme == "http" and not lan and not is_loopback(host):
        yield Finding(at, "http:// is not encrypted; use https:// (or lan: true for a device of your own network)")


def _topic(at: str, topic: str, config: Config) -> Iterator[Finding]:
    if config.mqtt is None:
        yield Finding(at, "there is no broker; add the section mqtt with its host", ("mqtt",))
    yield from _topic_as_such(at, topic)


def _topic_as_such(at: str, topic: str) -> Iterator[Finding]:
    if not re.fullmatch(r"[^\s+#/\x00-\x1f]+(/[^\s+#/\x00-\x1f]+)*", topic) or len(topic) > 200:
        yield Finding(at, "must be words with '/' between them: no space, no '+' and no '#'")


def _email(at: str, email: StaffEmail) -> Iterator[Finding]:
    if not is_host(email.host):
        yield Finding(f"{at}.host", "names a host that cannot be one; write its name or address alone")
    elif email.tls == "none" and not is_loopback(email.host):
        sentence = "is for a server on this device only; use implicit or starttls"
        yield Finding(f"{at}.tls", sentence, (f"{at}.host",))
    elif (email.port, email.tls) in ((465, "starttls"), (587, "implicit"), (25, "implicit")):
        sentence = f"port {email.port} usually speaks {'implicit TLS' if email.port == 465 else 'starttls'}"
        yield Finding(f"{at}.tls", sentence, (f"{at}.port",), warning=True)
    if (email.user is None) != (email.password is None):
        yield Finding(f"{at}.user", "user and password belong together", (f"{at}.password",))
    if not _MAILBOX.fullmatch(email.from_):
        yield Finding(f"{at}.from", "must be one address, as kiosk@example.org")
    if not email.to:
        yield Finding(f"{at}.to", "is empty; write at least one address")
    for place, address in enumerate(email.to):
        if not _MAILBOX.fullmatch(address):
            yield Finding(f"{at}.to[{place}]", "must be one address, as desk@example.org")
    if not email.subject.isprintable():
        yield Finding(f"{at}.subject", "must be one line of text")


def _bell(at: str, bell: StaffBell) -> Iterator[Finding]:
    if (bell.pin is None) == (bell.cue is None):
        has = "neither pin nor cue" if bell.pin is None else "both pin and cue"
        yield Finding(at, f"has {has}; give exactly one of them", (f"{at}.pin", f"{at}.cue"))


def _answer(at: str, answer: StaffAnswer, lan: bool, config: Config) -> Iterator[Finding]:
    if answer.url is None and answer.topic is None:
        sentence = "has nowhere to look for an answer; give url or topic"
        yield Finding(at, sentence, (f"{at}.url", f"{at}.topic"))
    if answer.topic is not None:
        yield from _topic(f"{at}.topic", answer.topic, config)
    if answer.url is not None:
        yield from address(f"{at}.url", answer.url, lan)
        given = set(names(answer.url))
        if "answer_id" not in given:
            yield Finding(f"{at}.url", "must hold {answer_id}: else an answer to one call would count for the next")
        for name in sorted(given - _ANSWER_NAMES):
            yield Finding(f"{at}.url", f"holds {{{name}}}; known are {words(sorted(_ANSWER_NAMES))}")
    for name in set(names(answer.say_answered)) - {"name"}:
        yield Finding(f"{at}.say_answered", f"holds {{{name}}}; only {{name}} is filled in")
