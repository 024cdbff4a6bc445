"""Runs a kind of action that an installed package brings (config/plugins.py). Whatever it does, one answer comes."""

from __future__ import annotations

import json
import logging
from typing import Mapping

from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.request import told
from kioskd.actions.summons import LONGEST_SAY, line
from kioskd.config.action import PluginAction
from kioskd.config.plugins import held, load
from kioskd.core.words import CallKey

log = logging.getLogger(__name__)


class Plugin:
    """One tool of such a kind. Any thread.

    Args:
        name: the tool's name.
        action: kind and settings.

    Raises:
        ValueError: it cannot be had; the text says why.
    """

    def __init__(self, name: str, action: PluginAction) -> None:
        kind = load(action.kind)
        self._name = name
        self._kind = action.kind
        self.longest_s = kind.longest_s
        settings = held(kind, action.settings)
        try:
            self._call = kind.make(settings)
        except (Exception, SystemExit) as error:
            # The boundary to somebody else's code, as in ``run``.
            log.exception("the kind %s does not take its settings", action.kind)
            raise ValueError(
                f"the kind {action.kind} does not take its settings ({type(error).__name__}: {error})"
            ) from error

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Call it once."""
        try:
            answer = self._call(dict(arguments))
            result = told({}, "answer", answer)
        except (Exception, SystemExit) as error:
            # The boundary to somebody else's code, which may take itself for a program and exit: logged with its place,
            # answered for, and the next call comes.
            log.exception("%s: the kind %s failed", self._name, self._kind)
            return failed(f"{self._name}: {line(str(error), LONGEST_SAY) or type(error).__name__}.")
        say = line(answer.get("say"), LONGEST_SAY) if isinstance(answer, Mapping) else ""
        return Outcome(True, result if answer is not None else json.dumps({}), say)
