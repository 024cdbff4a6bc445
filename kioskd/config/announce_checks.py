"""What a configuration may get wrong about announcements and about cues that are spoken: sections in, findings out."""

from __future__ import annotations

import shutil
from typing import Iterator

from kioskd.config.addresses import is_loopback, split_url, websocket_trouble
from kioskd.config.cuefile import said
from kioskd.config.findings import Finding, Lines
from kioskd.config.road_checks import proxy_findings
from kioskd.config.sections import Config
from kioskd.core.spoken import LONGEST_CUE_TEXT, NotSpeakable, plain
from kioskd.wire.lightning_offer import VOICES

PROGRAM = "espeak-ng"


def announce(config: Config, lines: Lines) -> Iterator[Finding]:
    """Every finding about ``announce``."""
    section, service = config.announce, config.announce.service
    yield from _pages(config)
    for name in ("voice", "local_voice"):
        voice = getattr(section, name)
        if voice is not None and (not voice.isprintable() or not voice.strip() or voice.startswith("-")):
            yield Finding(f"announce.{name}", "is no name of a voice; leave it out for the usual one")
    if service is None:
        if section.voice is not None:
            sentence = "is a voice of announce.service, and there is none; for espeak-ng write local_voice"
            yield Finding("announce.voice", sentence, ("announce.service",), warning=True)
        return
    yield from _address(service.url, service.key is None)
    if service.proxy is not None:
        yield from proxy_findings("announce.service.proxy", service.proxy)
    mistaken = [model for model, voice in VOICES.items() if voice == section.voice and model != service.model]
    if mistaken:
        sentence = f"is a voice of {mistaken[0]}; {service.model} would speak wrongly with it, and not say so"
        yield Finding("announce.voice", sentence, ("announce.service.model",), warning=True)


def _pages(config: Config) -> Iterator[Finding]:
    """Texts by which tools call staff aloud."""
    for index, tool in enumerate(config.tools):
        page = None if tool.action.staff is None else tool.action.staff.page
        if page is None:
            continue
        at = f"tools[{index}].action.staff.page"
        try:
            plain(page)
        except NotSpeakable as error:
            yield Finding(at, str(error))
        if config.announce.volume <= 0:
            yield Finding(at, "nobody would hear it: announce.volume is 0", ("announce.volume",))
        elif config.announce.service is None and shutil.which(PROGRAM) is None:
            sentence = f"{PROGRAM} is not installed here and there is no announce.service: apt-get install {PROGRAM}"
            yield Finding(at, sentence, warning=True)


def _address(url: str, keyless: bool) -> Iterator[Finding]:
    at = "announce.service.url"
    trouble = websocket_trouble(url, "anyone on the way reads what is announced, and the key")
    if trouble:
        yield Finding(at, trouble)
    elif keyless and not is_loopback(split_url(url)[1]):
        ways = "key: {credential: NAME}, key: {env: NAME} or key: {file: /PATH}"
        yield Finding("announce.service.key", f"the service needs an API key; say where it lies: {ways}", (at,))


def spoken_cue(at: str, setting: str) -> Iterator[Finding]:
    """What is wrong with a cue that is written ``say:TEXT``."""
    try:
        plain(said(setting) or "", LONGEST_CUE_TEXT)
    except NotSpeakable as error:
        yield Finding(at, f"the text behind say: {error}")
        return
    if shutil.which(PROGRAM) is None:
        sentence = (
            f"{PROGRAM} is not installed here, so the tone is played where no service speaks: apt-get install {PROGRAM}"
        )
        yield Finding(at, sentence, warning=True)
