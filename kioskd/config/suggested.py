"""What the reference configuration shows for the keys of actions and of the broker that its example does not set."""

from __future__ import annotations

from typing import Any, Mapping

from kioskd.config.action import (
    Action,
    HttpAction,
    ProgramAction,
    RelayAction,
    StaffAction,
    StaffAnswer,
)
from kioskd.config.confirm import Confirm, Keypad, StaffConfirm
from kioskd.config.mqtt import Mqtt
from kioskd.config.sections import Config, SensorAction

ACTIONS: Mapping[tuple[type, str], Any] = {
    (SensorAction, "one_wire"): "28-0316a2797a12",
    (SensorAction, "iio"): "bme280",
    (SensorAction, "url"): "https://weather.example.org/now",
    (SensorAction, "stale_s"): 900.0,
    (RelayAction, "longest_on_ms"): 60000,
    (StaffAction, "mqtt"): {},
    (StaffAction, "email"): {
        "host": "mail.example.org",
        "user": "kiosk",
        "password": {"credential": "mail-password"},
        "from": "kiosk@example.org",
        "to": ["reception@example.org"],
    },
    (StaffAction, "bell"): {"pin": "GPIO16"},
    (StaffAction, "answer"): {"url": "https://staff.example.org/kiosk/answer/{answer_id}"},
    (StaffAnswer, "topic"): "staff/answer",
    (Action, "http"): {"url": "https://lift.example.org/call", "method": "POST"},
    (HttpAction, "headers"): {"X-Kiosk": "lobby"},
    (HttpAction, "token"): {"credential": "lift-token"},
    (HttpAction, "pointer"): "/arrives_in_s",
    (Action, "program"): {"command": ["/usr/local/bin/print-badge", "--visitor"]},
    (ProgramAction, "user"): "badges",
    (Action, "cue"): {"name": "woken"},
    (Action, "volume"): {"percent": 60.0},
    (Action, "end_conversation"): {},
    (Action, "plugin"): {"kind": "elevator", "settings": {"shaft": 2}},
    (Confirm, "codes"): [{"hash": {"credential": "code-caretaker"}, "name": "caretaker"}],
    (Confirm, "keypad"): {"device": "/dev/input/by-id/usb-keypad-event-kbd"},
    (Keypad, "keys"): ["123A", "456B", "789C", "*0#D"],
    (Keypad, "rows"): ["GPIO4", "GPIO12", "GPIO16", "GPIO18"],
    (Keypad, "columns"): ["GPIO19", "GPIO20", "GPIO21"],
    (Confirm, "staff"): {"key": {"credential": "confirm-key"}, "url": "https://staff.example.org/kiosk/confirm"},
    (StaffConfirm, "topic"): "confirm",
    (Config, "mqtt"): {"host": "broker.example.org", "user": "kiosk", "password": {"credential": "mqtt-password"}},
    (Mqtt, "port"): 8883,
    (Mqtt, "ca_file"): "/etc/kioskd/broker-ca.pem",
    (Mqtt, "client_id"): "kioskd-lobby",
    (Mqtt, "discovery"): "homeassistant",
}
