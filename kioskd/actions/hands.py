"""What each kind of action needs to be ready: one maker for each, and the table of them.

Kinds that few kiosks use are imported where they are made: a kiosk pays for what it does, in memory and at its start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Mapping, Sequence

from kioskd.actions.courier import Messenger, heard_by
from kioskd.actions.housework import Cue, End, Volume
from kioskd.actions.pager import Pager
from kioskd.actions.outcome import Outcome, failed
from kioskd.actions.relay import Relay
from kioskd.actions.sensor import Sensor
from kioskd.actions.workshop import MARGIN_S, Hand, Workshop
from kioskd.config.action import StaffAction, StaffBell, longest_on_s, longest_s
from kioskd.config.apart import apart_s
from kioskd.config.sections import Tool
from kioskd.core.action_events import CueAsked
from kioskd.core.events import Event, RelaySwitched
from kioskd.core.words import CallKey

if TYPE_CHECKING:
    from kioskd.actions.answering import Answering
    from kioskd.actions.bell import Bell

__all__ = ["KINDS", "MARGIN_S", "Hand", "Workshop", "make", "pair"]


def make(shop: Workshop, tool: Tool, tools: Sequence[Tool] = ()) -> Hand:
    """The tool's hand.

    Args:
        tools: all of them: a relay may have to wait for others.

    Raises:
        LookupError, ValueError: it cannot be had; the text says why.
    """
    for kind, maker in KINDS.items():
        if getattr(tool.action, kind) is not None:
            hand = maker(shop, tool)
            return replace(hand, bound_s=hand.bound_s + apart_s(tool.name, tools))
    raise LookupError("its action names nothing to do")


def pair(shop: Workshop, tools: Sequence[Tool]) -> None:
    """Keep relays apart that are never on together, once every hand is made. Said of one, it counts for both."""
    for tool in tools:
        relay, action = shop.relays.get(tool.name), tool.action.relay
        if relay is None or action is None:
            continue
        for name in action.never_with:
            rival = shop.relays.get(name)
            if rival is not None and rival is not relay:
                relay.never_with(rival, action.apart_ms / 1000)


def _bound_s(tool: Tool) -> float:
    return longest_s(tool.action) + MARGIN_S


def _relay(shop: Workshop, tool: Tool) -> Hand:
    action = tool.action.relay
    line = shop.lines.get(tool.name)
    if action is None or line is None:
        raise LookupError("its relay line is not there")
    relay = Relay(line, tool.name, action.pulse_ms / 1000, action.min_gap_s, shop.post, longest_s=longest_on_s(action))
    shop.relays[tool.name] = relay
    # Started now: a door must not depend on whether a thread can be had at that moment.
    # Two: what is asked while the relay is on is refused at once, and does not wait to move it when nobody is there.
    crew = shop.own_crew(f"kioskd-relay-{tool.name}", 2)
    argument = action.seconds_from

    def pulse(key: CallKey, arguments: Mapping[str, object]) -> Outcome:
        word = shop.words.of(key)
        if argument is None:
            return relay.pulse(word=word)
        seconds = arguments.get(argument)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            return failed(f"argument '{argument}' must be a number of seconds")
        return relay.pulse(float(seconds), word)

    return Hand(pulse, crew, _bound_s(tool))


def _sensor(shop: Workshop, tool: Tool) -> Hand:
    action = tool.action.sensor
    line = shop.inputs.get(tool.name)
    if action is None or (action.pin is not None and line is None):
        raise LookupError("its input line is not there")
    sensor = Sensor(tool.name, action, line, shop.secret(action.token))
    return Hand(lambda key, arguments: sensor.read(), shop.workers, _bound_s(tool))


def _staff(shop: Workshop, tool: Tool) -> Hand:
    action = tool.action.staff
    if action is None:
        raise LookupError("it has no way to reach anybody")
    from kioskd.actions.staff import Staff, Way

    token, wait = shop.secret(action.token), shop.stopping.wait
    ways: list[Way] = []
    if action.bell is not None:
        ways.append(_bell(shop, tool.name, action.bell))
    if action.page is not None:
        ways.append(Pager(action.page, shop.post))
    if action.mqtt is not None:
        ways.append(Messenger(action.mqtt, shop.courier))
    if action.url is not None:
        from kioskd.actions.webhook import Webhook

        ways.append(Webhook(tool.name, action, token, wait))
    if action.email is not None:
        from kioskd.actions.mail import Mail

        ways.append(Mail(tool.name, action.email, shop.secret(action.email.password)))
    staff = Staff(tool.name, shop.kiosk_name, ways, _answering(shop, tool.name, action))
    shop.renames.append(staff.rename)
    # Of its own where it waits: a sensor, or the end of the conversation, must not wait for staff who do not answer.
    waits = (action.answer, action.url, action.email, action.mqtt) != (None,) * 4
    crew = shop.own_crew(f"kioskd-staff-{tool.name}", 2) if waits else shop.workers
    return Hand(staff.call, crew, _bound_s(tool))


def _bell(shop: Workshop, name: str, action: StaffBell) -> Bell:
    from kioskd.actions.bell import Bell

    def sound(cue: str) -> object:
        return shop.post(CueAsked(cue))

    def post(event: Event) -> bool:
        # A bell that rings is no door that opens: it is not counted as one, and ends no call.
        return isinstance(event, RelaySwitched) or shop.post(event)

    if action.pin is None:
        return Bell(action, None, sound, shop.stopping.wait)
    line = shop.lines.get(name)
    if line is None:
        raise LookupError("the line of its bell is not there")
    relay = Relay(line, f"{name} (bell)", action.ring_ms / 1000, 0.0, post)
    shop.relays[f"{name} (bell)"] = relay
    return Bell(action, relay, sound, shop.stopping.wait)


def _answering(shop: Workshop, name: str, action: StaffAction) -> Answering | None:
    if action.answer is None:
        return None
    from kioskd.actions.answering import Answering

    answering = Answering(name, action.answer, shop.secret(action.token), shop.stopping.wait, action.lan)
    if action.answer.topic is not None:
        if shop.courier is None:
            raise LookupError("there is no broker: the section mqtt is missing")
        shop.courier.subscribe(action.answer.topic, heard_by(answering.put))
    return answering


def _http(shop: Workshop, tool: Tool) -> Hand:
    from kioskd.actions.request import Request

    action = tool.action.http
    assert action is not None
    request = Request(tool.name, action, shop.kiosk_name, shop.secret(action.token))
    shop.renames.append(request.rename)
    return Hand(request.run, shop.own_crew(f"kioskd-http-{tool.name}"), _bound_s(tool))


def _program(shop: Workshop, tool: Tool) -> Hand:
    from kioskd.actions.delegate import START_S, Delegate, runner_socket

    action = tool.action.program
    assert action is not None
    crew, bound_s = shop.own_crew(f"kioskd-program-{tool.name}"), _bound_s(tool)
    if path := runner_socket():
        return Hand(Delegate(tool.name, action, shop.stopping.is_set, path).run, crew, bound_s + START_S)
    from kioskd.actions.program import Program

    return Hand(Program(tool.name, action, shop.stopping.is_set).run, crew, bound_s)


def _housework(shop: Workshop, tool: Tool) -> Hand:
    action = tool.action
    work: Cue | Volume | End | None = None
    if action.cue is not None:
        work = Cue(action.cue, shop.post)
    elif action.volume is not None:
        work = Volume(action.volume, shop.post)
    elif action.end_conversation is not None:
        work = End(action.end_conversation, shop.post)
    assert work is not None
    return Hand(work.run, shop.workers, _bound_s(tool))


def _plugin(shop: Workshop, tool: Tool) -> Hand:
    from kioskd.actions.plugin import Plugin

    action = tool.action.plugin
    assert action is not None
    plugin = Plugin(tool.name, action)
    # Of its own: nobody knows how it behaves.
    return Hand(plugin.run, shop.own_crew(f"kioskd-plugin-{tool.name}"), plugin.longest_s)


# One row for each kind of action: the key in the YAML, and what makes it ready.
KINDS: Mapping[str, Callable[[Workshop, Tool], Hand]] = {
    "relay": _relay,
    "sensor": _sensor,
    "staff": _staff,
    "http": _http,
    "program": _program,
    "cue": _housework,
    "volume": _housework,
    "end_conversation": _housework,
    "plugin": _plugin,
}
