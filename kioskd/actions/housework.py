"""What other rooms do for an action: a cue, the volume, the end of the conversation. It is asked for by an event."""

from __future__ import annotations

import json
from typing import Mapping

from kioskd.actions.outcome import Outcome, failed
from kioskd.config.action import CueAction, EndAction, VolumeAction
from kioskd.core.action_events import CueAsked, EndAsked, VolumeAsked
from kioskd.core.ports import Post
from kioskd.core.words import CallKey


class Cue:
    """Sounds a cue. Any thread."""

    def __init__(self, action: CueAction, post: Post) -> None:
        self._action = action
        self._post = post

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Ask for it."""
        self._post(CueAsked(self._action.name))
        return Outcome(True, json.dumps({"cue": self._action.name}))


class Volume:
    """Sets how loud the kiosk speaks, within the owner's bounds. Any thread."""

    def __init__(self, action: VolumeAction, post: Post) -> None:
        self._action = action
        self._post = post

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Ask for it; what is beyond the bounds becomes the bound, and the model hears of that."""
        action = self._action
        percent: object = action.percent
        if action.percent_from is not None:
            percent = arguments.get(action.percent_from)
        if isinstance(percent, bool) or not isinstance(percent, (int, float)) or not 0 <= percent <= 100:
            return failed(f"argument '{action.percent_from}' must be a number from 0 to 100")
        set_to = min(action.highest, max(action.lowest, float(percent)))
        self._post(VolumeAsked(round(set_to / 100, 4)))
        bounded = {} if set_to == percent else {"bounded": f"between {action.lowest:g} and {action.highest:g}"}
        return Outcome(True, json.dumps({"percent": round(set_to, 1), **bounded}))


class End:
    """Ends the conversation. Any thread."""

    def __init__(self, action: EndAction, post: Post) -> None:
        self._action = action
        self._post = post

    def run(self, key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        """Ask for it: the visitor hears the model's goodbye first."""
        self._post(EndAsked(key, self._action.within_s))
        return Outcome(True, json.dumps({"ending": True}))
