"""The dialects that the service speaks, as data: what is said, under which names, and who ends what.

The service thinks in Hydra's events; ``Dialect.say`` puts one into a dialect's words. Shapes and names from the
dialects reference, sections 2 to 6 and 12; Hydra's from the Hydra reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Mapping

Event = dict[str, Any]

_IDS = ("response_id", "item_id", "output_index", "content_index")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """One dialect, from the service's side.

    Attributes:
        path: where sessions are.
        shape: how ``session`` is read (shapes.py).
        configures: the type of the client's first frame.
        ready: the type of the answer to it.
        created_late: nothing is said before the client has configured (dialects reference 12, hybrie).
        id_inside: the session's id stands in ``session``, else at the top.
        setup: a further configuration is "ignored", "taken", or ends the session with 1007 ("closes").
        strict: an unknown field of the session refuses the whole of it (dialects reference 4.1).
        in_rate_hz, out_rate_hz: 0: the model tag decides.
        chooses_rates: the session may name others.
        names: types that are called otherwise.
        unsaid: types that this dialect does not have.
        audio_field: where the audio of a delta stands.
        says_ids: responses and items are named in deltas.
        bare_done: ``response.done`` says nothing but that.
        names_calls: ``function_call_arguments.done`` holds the name of the tool.
        outputs: calls are items of the response too (``response.output_item.added``).
        interrupted: the reason of an answer that the visitor spoke over.
        after: what follows an event of that type.
        cancels: the service ends an answer that the visitor speaks over.
        transcripts: words come with each answer; and the visitor's, when ``user_transcripts``.
        complains: what does not fit the moment is an error (dialects reference 4.8), not silence.
        idle_cancel_code: the code of an error about a cancel with nothing in flight.
        commits: the client may end turns; ``commit_answers``: no response.create is needed then.
        truncates: answers are cut where the visitor stopped hearing them.
        idle_closes: a silent session is closed (Hydra reference A9).
    """

    name: str
    path: str
    shape: str = "flat"
    configures: str = "session.update"
    ready: str = "session.updated"
    created_late: bool = False
    id_inside: bool = True
    setup: str = "taken"
    strict: bool = False
    in_rate_hz: int = 24_000
    out_rate_hz: int = 24_000
    chooses_rates: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    unsaid: frozenset[str] = frozenset()
    audio_field: str = "delta"
    says_ids: bool = True
    event_ids: bool = True
    bare_done: bool = False
    names_calls: bool = True
    outputs: bool = True
    interrupted: str = "turn_detected"
    after: Mapping[str, tuple[Event, ...]] = field(default_factory=dict)
    cancels: bool = True
    transcripts: bool = True
    user_transcripts: bool = False
    complains: bool = True
    idle_cancel_code: str = "response_cancel_not_active"
    commits: bool = True
    commit_answers: bool = False
    truncates: bool = True
    idle_closes: bool = False

    def say(self, event: Event) -> tuple[Event, ...]:
        """An event in this dialect's words: nothing, one, or several."""
        kind = event["type"]
        if kind in self.unsaid:
            return ()
        said = {**event, "type": self.names.get(kind, kind)}
        if kind == "response.done":
            said = self._done(said)
        elif kind == "response.output_audio.delta" and self.audio_field != "delta":
            said[self.audio_field] = said.pop("delta")
        elif kind == "response.function_call_arguments.done" and not self.names_calls:
            del said["name"]
        elif kind == "session.created" and self.id_inside:
            said["session"] = {"id": said.pop("session_id"), "object": "realtime.session"}
        if not self.says_ids:
            said = {key: value for key, value in said.items() if key not in _IDS}
        return (*self._before(event), said, *self.after.get(kind, ()))

    def _done(self, said: Event) -> Event:
        if self.bare_done:
            return {"type": said["type"]}
        response = dict(said["response"])
        details = response.get("status_details")
        if isinstance(details, dict) and details.get("reason") == "interrupted":
            response["status_details"] = {**details, "reason": self.interrupted}
        if not self.says_ids:
            response.pop("id", None)
        return {**said, "response": response}

    def _before(self, event: Event) -> tuple[Event, ...]:
        item = event.get("item")
        if self.outputs and event["type"] == "conversation.item.added" and isinstance(item, dict):
            if item["type"] == "function_call":
                return ({"type": "response.output_item.added", "output_index": 0, "item": item},)
        return ()


HYDRA = Dialect(
    name="hydra",
    path="/waves/v1/s2s",
    shape="hydra",
    configures="session.configure",
    ready="session.configured",
    id_inside=False,
    setup="ignored",
    in_rate_hz=16_000,
    out_rate_hz=0,
    outputs=False,
    interrupted="interrupted",
    transcripts=False,
    complains=False,
    commits=False,
    truncates=False,
    idle_closes=True,
)

_RATE_LIMITS: Event = {
    "type": "rate_limits.updated",
    "rate_limits": [{"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06}],
}
_CONVERSATION: Event = {"type": "conversation.created", "conversation": {"object": "realtime.conversation"}}

OPENAI = Dialect(
    name="openai",
    path="/v1/realtime",
    shape="ga",
    strict=True,
    after=MappingProxyType({"response.created": (_RATE_LIMITS,)}),
)
AZURE = replace(OPENAI, name="azure", path="/openai/v1/realtime")
HUGGING_FACE = replace(OPENAI, name="huggingface", strict=False)
GROK = replace(
    OPENAI,
    name="grok",
    shape="xai",
    strict=False,
    chooses_rates=True,
    after=MappingProxyType({"session.created": (_CONVERSATION, {"type": "ping"})}),
    idle_cancel_code="cancel_failed",  # other codes than OpenAI: the words tell (dialects reference 5.2)
)
INWORLD = replace(
    OPENAI,
    name="inworld",
    path="/api/v1/realtime/session",
    strict=False,
    chooses_rates=True,
    after=MappingProxyType({"session.created": ({"type": "ping"},)}),
    truncates=False,
)

_BETA_NAMES = MappingProxyType(
    {
        "conversation.item.added": "conversation.item.created",
        "response.output_audio.delta": "response.audio.delta",
        "response.output_audio.done": "response.audio.done",
        "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    }
)
OPENAI_BETA = Dialect(
    name="openai-beta",
    path="/openai/realtime",
    names=_BETA_NAMES,
    unsaid=frozenset({"conversation.item.done"}),
    names_calls=False,
    after=MappingProxyType({"session.created": (_CONVERSATION,), "response.created": (_RATE_LIMITS,)}),
)
VOICE_LIVE = replace(OPENAI_BETA, name="voice-live", path="/voice-live/realtime", chooses_rates=True)

MYTHICDOT = Dialect(
    name="mythicdot",
    path="/v1/realtime",
    names=MappingProxyType(
        {
            "response.output_audio.delta": "response.audio.delta",
            "response.output_audio_transcript.delta": "response.text.delta",
        }
    ),
    unsaid=frozenset({"conversation.item.added", "conversation.item.done", "response.output_audio.done"}),
    says_ids=False,
    event_ids=False,
    outputs=False,
    cancels=False,
    complains=False,
    commits=False,
    truncates=False,
)

HYBRIE = Dialect(
    name="hybrie",
    path="/api/v1/inference/realtime",
    shape="hybrie",
    created_late=True,
    setup="closes",
    in_rate_hz=16_000,
    names=MappingProxyType({"response.output_audio_transcript.delta": "response.output_text.delta"}),
    unsaid=frozenset(
        {
            "conversation.item.added",
            "conversation.item.done",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "response.created",
            "response.output_audio.done",
            "session.updated",
        }
    ),
    audio_field="audio",
    says_ids=False,
    event_ids=False,
    bare_done=True,
    outputs=False,
    cancels=False,
    user_transcripts=True,
    complains=False,
    commit_answers=True,
    truncates=False,
)
HYBRIE_GEMINI = replace(HYBRIE, name="hybrie-gemini", audio_field="delta")
HYBRIE_RAW = replace(HYBRIE, name="hybrie-raw", path="/v1/realtime")

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            *(HYDRA, MYTHICDOT, HYBRIE, HYBRIE_GEMINI, HYBRIE_RAW, OPENAI, AZURE, HUGGING_FACE),
            *(OPENAI_BETA, VOICE_LIVE, GROK, INWORLD),
        )
    }
)
