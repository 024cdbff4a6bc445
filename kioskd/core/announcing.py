"""When an announcement may sound: never over an answer, never into somebody's word. Functions over the machine's state.

It follows from the state alone (``look_around``), so that nothing that happens to a conversation can forget it. Mute is
the microphone's: a muted kiosk announces all the same. Nothing here touches a tool.
"""

from __future__ import annotations

from kioskd.core import announce_events as ev
from kioskd.core.effects import AnnouncementOver, CutPlayback, Page, PlayAnnouncement
from kioskd.core.state import State
from kioskd.core.words import Call, Response, Turn

TIMER, STUCK_TIMER = "announce", "announced"
# While a session is open the kiosk must have been quiet for so long: between a tool's result and what the model says
# about it lie some 0.2 to 1 s (Hydra reference A8), and an announcement in between would hold the answer up. A guess.
CALM_S = 1.5
# Beyond its own length a card may take this long to play an announcement; then the machine stops waiting for it.
MARGIN_S = 30.0


def rendered(s: State, e: ev.AnnouncementRendered, now: float) -> None:
    """One more can sound."""
    s.announcements.append(e.number)
    if e.page:
        s.pages.add(e.number)


def asked(s: State, e: ev.PageAsked, now: float) -> None:
    """A tool calls somebody aloud."""
    s.emit(Page(e.text))


def dropped(s: State, e: ev.AnnouncementDropped, now: float) -> None:
    """One less."""
    if e.number in s.announcements:
        s.announcements.remove(e.number)
        s.pages.discard(e.number)
    if s.announcing == e.number:
        _leave(s)


def look_around(s: State, now: float) -> None:
    """After every event, behind everything else that follows from the state."""
    if s.announcing:
        _follow(s)
    if not s.announcements or not _free(s):
        s.clear_timer(TIMER)
    elif TIMER not in s.timers:
        s.set_timer(TIMER, now + (CALM_S if s.wanted else 0.0))


def due(s: State, now: float) -> None:
    """It has been quiet for long enough."""
    if not s.announcements or not _free(s):
        return
    s.announcing = s.announcements.popleft()
    s.note("announce", "an announcement begins", number=s.announcing)
    s.set_timer(STUCK_TIMER, now + s.config.audio.longest_answer_s + MARGIN_S)
    s.emit(PlayAnnouncement(s.announcing))


def stuck(s: State, now: float) -> None:
    """The card never played it."""
    _over(s, heard=False)


def _free(s: State) -> bool:
    busy = s.announcing or s.speaking or s.examining or s.stopping
    return _calm(s, s.announcements[0]) and not busy


def _calm(s: State, number: int) -> bool:
    """Whether this one would interrupt nothing. Who calls staff waits for them: a page goes into that wait."""
    if s.resting or number not in s.pages:
        return s.resting
    waits = bool(s.calls) and all(call.state is Call.RUNNING for call in s.calls.values())
    held = s.talking and s.config.talk.mode == "push_to_talk"
    return waits and not held and s.turn is Turn.QUIET and s.response is Response.NONE


def _follow(s: State) -> None:
    """How the one that sounds comes to its end: somebody spoke over it, or the card fell silent."""
    if any(isinstance(effect, CutPlayback) for effect in s.out):
        _over(s, heard=False)
    elif s.speaking:
        s.announced = True
    elif s.announced:
        _over(s, heard=True)
    elif not _calm(s, s.announcing):
        # Somebody began in the moment between the order and its first sound: theirs is the word.
        s.emit(CutPlayback(""))
        _over(s, heard=False)


def _over(s: State, heard: bool) -> None:
    number = s.announcing
    if number:
        _leave(s)
        s.emit(AnnouncementOver(number, heard))


def _leave(s: State) -> None:
    s.pages.discard(s.announcing)
    s.announcing, s.announced = 0, False
    s.clear_timer(STUCK_TIMER)
