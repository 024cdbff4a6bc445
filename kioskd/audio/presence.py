"""Whether a device seems to be there, from what the kernel and the disk tell: nothing is opened, no library is loaded.

A doubt may be wrong (ALSA's configuration can make a device out of nothing): whoever must know opens it then.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping, Sequence

from kioskd.audio.cards import Kernel, SoundCard, find_card, listed
from kioskd.audio.streams import DeviceError

VERBS = {"input": "record", "output": "play"}
# Where names of one's own come from (alsa-lib, alsa.conf).
ALSA_FILES = ("/etc/asound.conf", "~/.asoundrc", "/etc/alsa/conf.d/*.conf")
# Where PulseAudio and PipeWire put their socket: of a user, and of the system.
PULSE_SOCKETS = ("$PULSE_RUNTIME_PATH/native", "$XDG_RUNTIME_DIR/pulse/native", "/run/pulse/native")


def doubt(spec: str, direction: str, kernel: Kernel, env: Mapping[str, str]) -> str:
    """Why ``audio.input`` or ``audio.output`` is probably not there, a sentence; empty when nothing speaks against it.

    Args:
        spec: as in the configuration, and valid.
        direction: "input" or "output".
    """
    kind, _, rest = spec.partition(":")
    if kind == "file":
        return _file(rest, direction)
    if kind == "pulse":
        return _server(rest or env.get("PULSE_SERVER", ""), env)
    if kind not in ("alsa", "usb", "default"):
        return ""
    cards = kernel.cards()
    try:
        card = find_card(spec, cards)
    except DeviceError as error:
        return str(error)
    if card is not None:
        there = kernel.has(card.number, direction)
        return "" if there else f"the sound card {card.card_id} is there, but cannot {VERBS[direction]}"
    if kind == "default":
        return "" if cards or _of_servers("", env) else "this machine has no sound card, so there is no default one"
    if kind == "alsa" and _configured(rest, env):
        return ""
    what = f"a sound card '{rest}'" if kind == "alsa" else f"a sound card at USB port {rest}"
    return f"{what} is not there; {_has(cards)}"


def _has(cards: Sequence[SoundCard]) -> str:
    there = f"this machine has {listed(cards)}" if cards else "this machine has no sound card"
    return f"{there} (kioskd devices says what to write)"


def _file(path: str, direction: str) -> str:
    if direction == "input":
        return "" if os.path.exists(path) else f"{path} is not there"
    folder = os.path.dirname(path) or "."
    return "" if os.path.isdir(folder) else f"the folder {folder} is not there"


def _server(server: str, env: Mapping[str, str]) -> str:
    if _of_servers(server, env):
        return ""
    return f"no sound server has a socket at {server or 'its usual places'}: is it running?"


def _of_servers(server: str, env: Mapping[str, str]) -> bool:
    """Whether a server's socket is there; one over the network counts as there."""
    path = server.removeprefix("unix:")
    if server and not path.startswith("/"):
        return True
    places = (path,) if server else tuple(_expanded(place, env) for place in PULSE_SOCKETS)
    return any(os.path.exists(place) for place in places)


def _expanded(place: str, env: Mapping[str, str]) -> str:
    variable, _, rest = place.partition("/")
    return os.path.join(env.get(variable[1:], "/nonexistent"), rest) if variable else place


def _configured(name: str, env: Mapping[str, str]) -> bool:
    """Whether ALSA's configuration speaks of this name."""
    named = env.get("ALSA_CONFIG_PATH", "").split(":")
    for pattern in (*filter(None, named), *ALSA_FILES):
        path = Path(pattern).expanduser()
        for file in path.parent.glob(path.name):
            try:
                if name in file.read_text(errors="replace"):
                    return True
            except OSError:
                continue  # what we may not read, ALSA may not read for us
    return False
