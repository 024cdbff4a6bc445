"""Every mistake in a way to reach people is a sentence at its key."""

from __future__ import annotations

from typing import Any

import pytest

from kioskd.config.action import StaffAction, StaffAnswer, StaffBell, StaffEmail, StaffMqtt
from kioskd.config.findings import Lines
from kioskd.config.mqtt import Mqtt
from kioskd.config.sections import Config, SecretRef
from kioskd.config.staff_checks import address, mqtt, staff

BROKER = Config(mqtt=Mqtt(host="broker.example.org"))
TOKEN = SecretRef(env="A_TOKEN")


def email(**keys: Any) -> StaffEmail:
    given = {"host": "mail.example.org", "from_": "kiosk@example.org", "to": ("desk@example.org",), **keys}
    return StaffEmail(**given)


def only(config: Config = BROKER, **keys: Any) -> tuple[str, str]:
    (finding,) = list(staff("staff", StaffAction(**keys), config))
    return finding.key, finding.sentence


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "https://h/x", "token": TOKEN},
        {"url": "http://10.0.0.2/x", "lan": True},
        {"mqtt": StaffMqtt()},
        {"email": email(user="kiosk", password=TOKEN)},
        {"email": email(host="localhost", port=25, tls="none")},
        {"email": email(port=587, tls="starttls")},
        {"bell": StaffBell(pin="GPIO16")},
        {"bell": StaffBell(cue="again")},
        {"bell": StaffBell(cue="again"), "answer": StaffAnswer(url="https://h/{answer_id}"), "token": TOKEN},
        {"mqtt": StaffMqtt(), "answer": StaffAnswer(topic="staff/answer")},
    ],
)
def test_what_is_right_has_no_findings(keys: dict[str, Any]) -> None:
    assert list(staff("staff", StaffAction(**keys), BROKER)) == []


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({}, "staff", "has no way to reach anybody"),
        ({"url": "http://h.example/x"}, "staff.url", "not encrypted"),
        ({"bell": StaffBell(cue="done"), "token": TOKEN}, "staff.token", "there is none"),
        ({"mqtt": StaffMqtt(topic="a/#")}, "staff.mqtt.topic", "no '#'"),
        ({"mqtt": StaffMqtt(topic="/a")}, "staff.mqtt.topic", "words with '/'"),
        ({"email": email(host="mail.example.org:25")}, "staff.email.host", "host"),
        ({"email": email(tls="none")}, "staff.email.tls", "this device only"),
        ({"email": email(tls="starttls")}, "staff.email.tls", "usually speaks implicit TLS"),
        ({"email": email(port=587)}, "staff.email.tls", "usually speaks starttls"),
        ({"email": email(user="kiosk")}, "staff.email.user", "belong together"),
        ({"email": email(from_="kiosk")}, "staff.email.from", "one address"),
        ({"email": email(to=())}, "staff.email.to", "is empty"),
        ({"email": email(to=("a@b", "c@d\nBcc: e@f"))}, "staff.email.to[1]", "one address"),
        ({"email": email(to=("a@b, c@d",))}, "staff.email.to[0]", "one address"),
        ({"email": email(subject="a\r\nBcc: e@f")}, "staff.email.subject", "one line"),
        ({"bell": StaffBell()}, "staff.bell", "neither pin nor cue"),
        ({"bell": StaffBell(pin="GPIO16", cue="done")}, "staff.bell", "both pin and cue"),
        ({"url": "https://h", "answer": StaffAnswer()}, "staff.answer", "nowhere to look"),
        ({"url": "https://h", "answer": StaffAnswer(url="https://h/x")}, "staff.answer.url", "must hold {answer_id}"),
        (
            {"url": "https://h", "answer": StaffAnswer(url="https://h/{answer_id}/{who}")},
            "staff.answer.url",
            "holds {who}",
        ),
        ({"url": "https://h", "answer": StaffAnswer(url="https://{answer_id}.h/")}, "staff.answer.url", "in its host"),
        (
            {"url": "https://h", "answer": StaffAnswer(topic="a", say_answered="{who} comes")},
            "staff.answer.say_answered",
            "only {name}",
        ),
    ],
)
def test_each_mistake_is_named(keys: dict[str, Any], key: str, why: str) -> None:
    at, sentence = only(**keys)
    assert at == key and why in sentence


def test_without_a_broker_nobody_is_called_over_it() -> None:
    for keys in ({"mqtt": StaffMqtt()}, {"url": "https://h", "answer": StaffAnswer(topic="a")}):
        assert "add the section mqtt" in only(Config(), **keys)[1]


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"host": "broker:1883"}, "mqtt.host"),
        ({"tls": False}, "mqtt.tls"),
        ({"password": TOKEN}, "mqtt.password"),
        ({"ca_file": "ca.pem"}, "mqtt.ca_file"),
        ({"host": "localhost", "tls": False, "ca_file": "/ca.pem"}, "mqtt.ca_file"),
        ({"client_id": "a b"}, "mqtt.client_id"),
        ({"topic": "a/+"}, "mqtt.topic"),
        ({"topic": ""}, "mqtt.topic"),
    ],
)
def test_the_broker(keys: dict[str, Any], key: str) -> None:
    (finding,) = list(mqtt(Config(mqtt=Mqtt(**{"host": "broker.example.org", **keys})), Lines()))
    assert finding.key == key


def test_a_good_broker_and_none_have_no_findings() -> None:
    for broker in (None, Mqtt(host="localhost", tls=False), Mqtt(host="broker.example.org", user="k", password=TOKEN)):
        assert list(mqtt(Config(mqtt=broker), Lines())) == []


def test_an_argument_stands_behind_the_host() -> None:
    assert list(address("url", "https://h:8443/{a}?b={c}#{d}", False)) == []
    assert [finding.key for finding in address("url", "https://h:{a}/x", False)] == ["url"]
