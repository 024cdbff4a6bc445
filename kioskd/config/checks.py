"""What a configuration of the right form may still get wrong: sections in, findings out. Nothing but the files of
the cues is looked at.

``check`` names every fault that it sees; the loader adds file and line. Tools are judged in ``tool_checks``.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Iterator

from kioskd.config import device_spec
from kioskd.config.announce_checks import announce as check_announce
from kioskd.config.announce_checks import spoken_cue
from kioskd.config.board import board as check_board
from kioskd.config.budget_checks import budget as check_budget
from kioskd.config.confirm_checks import confirmations as check_confirmations
from kioskd.config.cuefile import SILENT, TONE, cue_problem, said
from kioskd.config.findings import Finding, Lines
from kioskd.config.keys import join, keys, words
from kioskd.config.metrics_checks import metrics as check_metrics
from kioskd.config.panel_checks import panel as check_panel
from kioskd.config.pins import line_of, pins
from kioskd.config.policy_checks import policies as check_policies
from kioskd.config.purpose_checks import purpose as check_purpose
from kioskd.config.road_checks import road as check_road
from kioskd.config.sections import Config, SecretRef
from kioskd.config.secrets import LOOKS_SECRET
from kioskd.config.service_checks import services as check_services
from kioskd.config.sound_checks import sound as check_sound
from kioskd.config.staff_checks import mqtt as check_mqtt
from kioskd.config.tool_checks import tools as check_tools

IDLE_LIMIT_S = 30.0  # Hydra closes a session after this long without a frame (Hydra reference A9)

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,127}")  # one file name; systemd.exec(5)


def check(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding, errors and warnings, in no particular order."""
    for part in (
        check_services,
        check_road,
        _persona,
        _talk,
        _audio,
        _cues,
        check_panel,
        _pins,
        _secrets,
        _paths,
        check_sound,
        check_budget,
        check_announce,
        check_board,
        check_metrics,
        check_mqtt,
        check_tools,
        check_policies,
        check_confirmations,
        check_purpose,
    ):
        yield from part(config, lines)


def _persona(config: Config, lines: Lines) -> Iterator[Finding]:
    if not config.persona.instructions.strip():
        sentence = "is empty: the service's own persona answers the visitor; say who it is and how it should answer"
        yield Finding("persona.instructions", sentence, warning=True)


def _talk(config: Config, lines: Lines) -> Iterator[Finding]:
    talk = config.talk
    if talk.mode in ("push_to_talk", "tap_to_talk") and config.panel.talk is None:
        sentence = f"{talk.mode} needs a button; add panel.talk with its pin, or use voice"
        yield Finding("talk.mode", sentence, ("panel.talk",))
    if talk.mode == "open":
        sentence = (
            "open streams the microphone all day: every minute of it is billed by a hosted service, and everything "
            "said near the kiosk leaves the house; voice does neither while nobody speaks"
        )
        yield Finding("talk.mode", sentence, warning=True)
    if talk.keepalive_s >= IDLE_LIMIT_S:
        yield Finding("talk.keepalive_s", "must be below 30 s: the service closes a session that is silent so long")
    if talk.start_ms > talk.start_window_ms:
        sentence = f"{talk.start_ms} ms of speech do not fit into start_window_ms ({talk.start_window_ms} ms)"
        yield Finding("talk.start_ms", sentence, ("talk.start_window_ms",))


def _audio(config: Config, lines: Lines) -> Iterator[Finding]:
    for name, device in (("input", config.audio.input), ("output", config.audio.output)):
        sentence = device_spec.problem(device)
        if sentence is not None:
            yield Finding(f"audio.{name}", sentence)
    sentence = device_spec.apart(config.audio.input, config.audio.output)
    if sentence is not None:
        yield Finding("audio.output", sentence, ("audio.input",))


def _cue_settings(config: Config) -> list[tuple[str, str]]:
    cues = config.audio.cues
    return [(f"audio.cues.{field.name}", getattr(cues, field.name)) for field in dataclasses.fields(cues)]


def _is_path(cue: str) -> bool:
    return said(cue) is None and ("/" in cue or cue.lower().endswith(".wav"))


def _cues(config: Config, lines: Lines) -> Iterator[Finding]:
    """A file that cannot be played is a warning: the kiosk speaks without it, and must start without it."""
    for at, value in _cue_settings(config):
        if said(value) is not None:
            yield from spoken_cue(at, value)
        elif value not in (TONE, SILENT) and not _is_path(value):
            yield Finding(at, f"must be {TONE}, {SILENT}, say:TEXT or the path of a WAV file")
        elif _is_path(value) and (problem := cue_problem(value)) is not None:
            yield Finding(at, f"{value} {problem}; until it is put right the built-in tone is played", warning=True)


def _pins(config: Config, lines: Lines) -> Iterator[Finding]:
    used: dict[str, str] = {}
    for path, pin in pins(config):
        line, trouble = line_of(pin)
        if trouble:
            yield Finding(path, trouble)
            continue
        if re.match(r"(/dev/)?gpiochip[0-9]+:", pin):
            sentence = "gpiochip numbers may change from one boot to the next; gpiodetect shows the chip's label"
            yield Finding(path, sentence, warning=True)
        if line in used:
            other = used[line]
            sentence = f"{line} is used here and by {other} (line {lines.of(other)}); each line serves one thing"
            yield Finding(path, sentence, (other,))
        else:
            used[line] = path


def secret_refs(section: object, path: str = "") -> Iterator[tuple[str, SecretRef]]:
    """Each reference to a secret below a section, with its path."""
    if isinstance(section, SecretRef):
        yield path, section
    elif dataclasses.is_dataclass(section) and not isinstance(section, type):
        for key in keys(type(section)):
            if not key.is_section:
                continue
            value = getattr(section, key.field)
            at = join(path, key.name)
            for index, item in enumerate(value if key.many else (value,)):
                yield from secret_refs(item, f"{at}[{index}]" if key.many else at)


def _secrets(config: Config, lines: Lines) -> Iterator[Finding]:
    for path, ref in secret_refs(config):
        given = [name for name in ("credential", "env", "file") if getattr(ref, name) is not None]
        if len(given) != 1:
            has = f"has {words(given, 'and')}" if given else "has no source"
            yield Finding(path, f"{has}; give exactly one of credential, env or file")
            continue
        (name,) = given
        yield from _secret_name(f"{path}.{name}", name, getattr(ref, name))


def _secret_name(at: str, source: str, value: str) -> Iterator[Finding]:
    """Never quotes the value: it may be the secret itself, pasted into the wrong place."""
    grammar = {"env": _ENV_NAME, "credential": _CREDENTIAL_NAME}.get(source)
    if LOOKS_SECRET.fullmatch(value):
        yield Finding(
            at, "looks like the secret itself; write the name of the place where it lies, and change the secret"
        )
    elif grammar is not None and not grammar.fullmatch(value):
        what = "an environment variable" if source == "env" else "a systemd credential"
        yield Finding(at, f"is not the name of {what}: letters, digits and underscore")
    elif not value.strip():
        yield Finding(at, "is empty; write the path of the file that holds the secret")


def _paths(config: Config, lines: Lines) -> Iterator[Finding]:
    named: list[tuple[str, str | None]] = [(f"{at}.file", ref.file) for at, ref in secret_refs(config)]
    named += [
        (f"ops.{name}", getattr(config.ops, name)) for name in ("state_dir", "runtime_dir", "timeline", "wire_log")
    ]
    for index, tool in enumerate(config.tools):
        if tool.action.sensor is not None:
            named.append((f"tools[{index}].action.sensor.file", tool.action.sensor.file))
    named += [(at, value) for at, value in _cue_settings(config) if _is_path(value)]
    for at, path in named:
        if path is not None and not path.startswith("/"):
            yield Finding(at, "is relative to wherever the daemon is started; write the whole path", warning=True)
