"""Structure-aware mutation: a play that is nearly well-meant, and wrong in a few places.

JSON is changed as JSON (types, missing and doubled keys, nesting, size, surrogates, numbers, base64, names of other
events), text as text (truncation, bytes that are no UTF-8), and the order of things as order (twice, late, mixed with
another session, never). All chance is the caller's: the same ``random.Random`` gives the same plays.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, Callable, Sequence

from fuzz.corpus import values_in
from fuzz.play import ACT, ACTS, AGAIN, BINARY, TEXT, WAIT, Play, Step, text
from fuzz.words import ARGUMENTS, AUDIO, CALL_IDS, NAMES, NUMBERS, RAW, STATUSES, WORDS
from kioskd.wire.conversation import READINGS
from kioskd.wire.profile import Profile

LONGEST_PLAY = 60  # steps, before a burst
# Of one frame under ids that count: beyond each bound of the wire that is counted in ids (answers, calls, a session).
BURSTS = (3, 17, 17, 70, 70, 300)
ENDLESS = 1100
# Beyond profile.max_control_bytes. Large frames are dear, so they are rare.
HEAVY_BYTES = 300_000
RARELY = 0.002


class Mutator:
    """Makes plays of one dialect.

    Args:
        scenes: what the service really sends, a list of frames for each scene.
    """

    def __init__(self, profile: Profile, scenes: Sequence[Sequence[bytes]], chance: Random) -> None:
        self._scenes, self._chance = scenes, chance
        self._frames = [frame for scene in scenes for frame in scene]
        self._values = values_in(self._frames)
        made_up = ("session.created", "session.configured", "session.updated", "error", "warning", "ping", "unheard.of")
        self._types = sorted({*READINGS, *profile.created_events, *profile.ready_events, *made_up})

    @classmethod
    def like(cls, other: Mutator, chance: Random) -> Mutator:
        """The same with another chance; costs nothing."""
        new = cls.__new__(cls)
        new.__dict__.update(other.__dict__, _chance=chance)
        return new

    def play(self) -> Play:
        """One play: a scene, changed in a few places."""
        scene = self._chance.choice(self._scenes)
        steps = [text(frame) for frame in scene]
        if self._chance.random() < 0.3:
            # An answer sounds while it still comes, as it does: then there is something to cut.
            steps.insert(self._chance.randrange(len(steps) + 1), Step(ACT, name="sounds"))
        if self._chance.random() < 0.1:
            at = self._chance.randrange(len(steps) + 1)
            steps[at:at] = [text(json.dumps(self._as_call({}))) for _ in range(self._chance.randrange(2, 12))]
        for _ in range(self._chance.choice((0, 1, 1, 2, 3, 5, 8, 13))):
            self.change(steps)
        steps = steps[:LONGEST_PLAY]
        if self._chance.random() < 0.01:
            at = self._chance.randrange(len(steps) + 1)
            steps[at:at] = self._burst()
        return tuple(steps)

    def changed(self, play: Play) -> Play:
        """The play, changed a little more."""
        steps = list(play) or [text(self._frame())]
        for _ in range(self._chance.choice((1, 1, 1, 2, 4))):
            self.change(steps)
        return tuple(steps[:LONGEST_PLAY])

    def change(self, steps: list[Step]) -> None:
        """One change, in place."""
        at = self._chance.randrange(len(steps)) if steps else 0
        way = self._chance.random()
        if not steps or way < 0.12:
            steps.insert(at, self._arranged())
        elif way < 0.55:
            steps[at] = self._damaged(steps[at])
        elif way < 0.70:
            steps.insert(at, text(self.frame()))
        else:
            self._order(steps, at)

    def frame(self) -> bytes:
        """A frame that was sent once, or one that was changed."""
        frame = self._frame()
        return frame if self._chance.random() < 0.4 else self._damaged(text(frame)).data

    def _frame(self) -> bytes:
        return self._chance.choice(self._frames)

    # -- the order of things ---------------------------------------------------------------------

    def _order(self, steps: list[Step], at: int) -> None:
        way = self._chance.randrange(8)
        if way == 0:
            del steps[at : at + self._chance.choice((1, 1, 3))]
        elif way == 1:
            steps[at:at] = [steps[at]] * self._chance.choice((1, 1, 2, 20))
        elif way == 2:
            steps.insert(self._chance.randrange(len(steps) + 1), steps.pop(at))
        elif way == 3:
            steps.append(steps[at])  # late: after the end of what it belongs to
        elif way == 4:
            del steps[at:]
        elif way == 5:
            scene = self._chance.choice(self._scenes)
            steps[at:at] = [text(frame) for frame in scene[: self._chance.randrange(1, 30)]]
        elif way == 6:
            steps.insert(at, Step(AGAIN))
            steps[at + 1 : at + 1] = [text(frame) for frame in self._chance.choice(self._scenes)[:2]]
        else:
            self._chance.shuffle(steps)

    def _arranged(self) -> Step:
        way = self._chance.randrange(4)
        if way == 0:
            return Step(WAIT, seconds=self._chance.choice((0.0, 0.01, 0.5, 3.0, 12.0, 40.0, 300.0)))
        if way == 1:
            return Step(BINARY, self._chance.randbytes(self._chance.choice((0, 1, 40, 5000))))
        return Step(AGAIN) if way == 2 and self._chance.random() < 0.3 else Step(ACT, name=self._chance.choice(ACTS))

    def _burst(self) -> list[Step]:
        """The same thing again and again, under other names."""
        try:
            found = json.loads(self._frame())
        except ValueError:
            return []
        if self._chance.random() < 0.5:
            found = self._as_call(found)
        count = ENDLESS if self._chance.random() < 0.02 else self._chance.choice(BURSTS)
        plain = json.dumps(found)
        for field in ("call_id", "response_id", "id"):
            plain = plain.replace(f'"{field}": "', f'"{field}": "%d-')
        return [text(plain.replace("%d-", f"{number}-")) for number in range(count)]

    # -- one frame -------------------------------------------------------------------------------

    def _damaged(self, step: Step) -> Step:
        if step.kind not in (TEXT, BINARY):
            return self._arranged()
        if self._chance.random() < RARELY:
            return text(step.data.rstrip(b"} ") + b" " * HEAVY_BYTES + b"}")
        if self._chance.random() < 0.2:
            return text(self._torn(step.data))
        try:
            found = json.loads(step.data)
        except (ValueError, RecursionError):
            return text(self._torn(step.data))
        for _ in range(self._chance.choice((1, 1, 1, 2, 3))):
            found = self._chance.choice(WAYS)(self, found)
        try:
            # Escaped or not: two ways through every decoder. What UTF-8 cannot hold goes escaped.
            plain = json.dumps(found, ensure_ascii=self._chance.random() < 0.7)
            return text(plain.encode("utf-8", "backslashreplace"))
        except (ValueError, RecursionError):
            return text(self._chance.choice(RAW))

    def _torn(self, data: bytes) -> bytes:
        way, size = self._chance.randrange(6), len(data)
        at = self._chance.randrange(size) if size else 0
        if way == 0:
            return data[:at]
        if way == 1:
            return data[:at] + self._chance.randbytes(self._chance.choice((1, 2, 8))) + data[at + 1 :]
        if way == 2:
            return data[:at] + data[at:] * 2
        if way == 3:
            return self._chance.choice(RAW)
        if way == 4:  # a key twice: the decoders of the road must not disagree about which one counts
            return b'{"type":"%s",%s' % (self._chance.choice(self._types).encode(), data.lstrip()[1:])
        return data[:at] + bytes([data[at] ^ (1 << self._chance.randrange(8))]) + data[at + 1 :] if size else b"\x80"

    def _place(self, found: Any) -> tuple[Any, Any]:
        """A container somewhere in it, and a key of it; the container may be empty."""
        while True:
            keys = (
                list(found) if isinstance(found, dict) else list(range(len(found))) if isinstance(found, list) else []
            )
            if not keys:
                return found, None
            key = self._chance.choice(keys)
            if not isinstance(found[key], (dict, list)) or not found[key] or self._chance.random() < 0.4:
                return found, key
            found = found[key]

    def _other_value(self, found: Any) -> Any:
        place, key = self._place(found)
        if key is None:
            return self._value()
        place[key] = self._value()
        return found

    def _value(self) -> Any:
        way = self._chance.randrange(6)
        if way == 0:
            return self._chance.choice(NUMBERS)
        if way == 1:
            return self._chance.choice(WORDS)
        if way == 2:
            return self._chance.choice(
                (list[Any](), {}, [[]], {"": {}}, [None], {"id": {}}, [{"type": "function_call"}])
            )
        return json.loads(self._chance.choice(self._values))

    def _without(self, found: Any) -> Any:
        place, key = self._place(found)
        if key is not None:
            del place[key]
        return found

    def _renamed(self, found: Any) -> Any:
        place, key = self._place(found)
        if isinstance(place, dict) and key is not None:
            names = ("id", "type", "response_id", "call_id", "item_id", "delta", "audio", "name", "arguments", "status")
            place[self._chance.choice((*names, "response", "item", "session", "error", "\ud800", ""))] = place.pop(key)
        return found

    def _grown(self, found: Any) -> Any:
        place, key = self._place(found)
        if key is None:
            return found
        value, times = place[key], self._chance.choice((2, 17, 300))
        if isinstance(value, str):
            place[key] = (value or "x") * min(times, 70_000 // max(1, len(value)) + 2)
        elif isinstance(value, list) and len(value) * times < 20_000:
            place[key] = value * times
        elif isinstance(value, dict) and times < 100:
            place[key] = {f"{name}{number}": inner for number in range(times) for name, inner in value.items()}
        return found

    def _wrapped(self, found: Any) -> Any:
        place, key = self._place(found)
        if key is None:
            return [found]
        for _ in range(self._chance.choice((1, 2, 40, 300))):
            place[key] = {key: place[key]} if isinstance(place, dict) else [place[key]]
        return found

    def _other_type(self, found: Any) -> Any:
        if isinstance(found, dict):
            found["type"] = self._chance.choice(self._types)
        return found

    def _from_another(self, found: Any) -> Any:
        """With the fields of another frame."""
        other = json.loads(self._frame())
        return {**other, **found} if isinstance(found, dict) else other

    def _as_call(self, found: Any) -> Any:
        """Every way in which a tool is asked for, with ids that come again."""
        call_id, name = self._chance.choice(CALL_IDS), self._chance.choice(NAMES)
        arguments = self._chance.choice(ARGUMENTS)
        call = {
            "type": "function_call",
            "call_id": call_id,
            "name": name,
            "arguments": arguments,
            "status": "completed",
        }
        response = self._chance.choice(("resp_1", "resp_2", None))
        way = self._chance.randrange(4)
        if way == 0:
            kind = "response.function_call_arguments." + self._chance.choice(("done", "delta"))
            return call | {"type": kind, "response_id": response, "delta": arguments}
        if way == 1:
            kind = self._chance.choice(("conversation.item.", "response.output_item.")) + self._chance.choice(
                ("added", "done")
            )
            return {"type": kind, "item": call, "response_id": response}
        if way == 2:
            status = self._chance.choice(STATUSES)
            return {"type": "response.done", "response": {"id": response, "status": status, "output": [call, call]}}
        return {"type": "response.created", "response": {"id": response}}

    def _bad_audio(self, found: Any) -> Any:
        audio = {"delta": self._chance.choice(AUDIO), "audio": self._chance.choice((None, *AUDIO))}
        kind = self._chance.choice(("response.output_audio.delta", "response.audio.delta"))
        response = self._chance.choice(("resp_1", "resp_2", None, "r" * 301))
        return {"type": kind, "response_id": response, "item_id": self._chance.choice(("i", "j", None)), **audio}


WAYS: tuple[Callable[[Mutator, Any], Any], ...] = (
    *(Mutator._other_value, Mutator._other_value, Mutator._other_value, Mutator._without, Mutator._renamed),
    *(
        Mutator._grown,
        Mutator._wrapped,
        Mutator._other_type,
        Mutator._from_another,
        Mutator._as_call,
        Mutator._bad_audio,
    ),
)
