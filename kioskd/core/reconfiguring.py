"""Another configuration while calls are open: nothing moves on a changed policy. Functions over the machine's state.

A call whose tool changed in any way is cancelled while nothing has moved yet, also one that waits for a hand, or whose
intent is just being written; the visitor asks again and is judged afresh. What runs already runs to its end as it was
judged: its pulse is bounded by its action, which only a restart changes.
"""

from __future__ import annotations

from collections import deque

from kioskd.core import calls
from kioskd.core.config_events import ConfigChanged
from kioskd.core.lockout import ALL, BUTTONS
from kioskd.core.state import State

CHANGED = "the configuration was changed meanwhile; it must be asked for again"


def changed(s: State, e: ConfigChanged, now: float) -> None:
    """From now on the machine decides by this configuration."""
    if e.config.audio.volume != s.config.audio.volume:
        s.volume = e.config.audio.volume
    s.config = e.config
    tools = {tool.name: tool for tool in e.config.tools}
    calls.cancel_calls(s, CHANGED, lambda call: tools.get(call.tool.name) != call.tool)
    # Refusals are counted by a window as long as the lock-out asks for; another length must not forget, nor never fill.
    longest = {name: tool.policy.lockout.refusals for name, tool in tools.items()}
    longest[ALL] = e.config.kiosk.lockout.refusals
    for name, times in s.refusals.items():
        s.refusals[name] = deque(times, maxlen=longest.get(name.removeprefix(BUTTONS), times.maxlen))
    s.note("config", e.why)
