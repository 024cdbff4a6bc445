"""What kioskd check says of the figures for a fleet's eyes."""

from __future__ import annotations

import os
import re
from typing import Iterator

from kioskd.config.findings import Finding, Lines
from kioskd.config.metrics import address
from kioskd.config.sections import Config


def metrics(config: Config, lines: Lines) -> Iterator[Finding]:
    """Findings of the section ``metrics``."""
    settings = config.metrics
    if settings.listen is not None:
        try:
            address(settings.listen)
        except ValueError as error:
            yield Finding("metrics.listen", str(error))
    if settings.file is not None and not (os.path.isabs(settings.file) and settings.file.endswith(".prom")):
        sentence = "must be an absolute path that ends in .prom: node_exporter reads no other files"
        yield Finding("metrics.file", sentence)
    yield from _mqtt(config)


def _mqtt(config: Config) -> Iterator[Finding]:
    mqtt = config.mqtt
    if mqtt is None or mqtt.discovery is None:
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", mqtt.discovery):
        yield Finding("mqtt.discovery", "must be the beginning of a topic, as homeassistant: no wildcards, no spaces")
    if not mqtt.state:
        sentence = "Home Assistant is told of nothing that ever speaks; set state: true"
        yield Finding("mqtt.discovery", sentence, ("mqtt.state",), warning=True)
