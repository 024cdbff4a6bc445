"""What kioskd check says of the figures for a fleet's eyes."""

from __future__ import annotations

import os
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
