"""ALSA's configuration without the plugins that no kiosk plays through.

PortAudio opens every name in ALSA's configuration to list it. With libasound2-plugins installed that loads FFmpeg and
an SVG renderer behind it: 13 MB of a kiosk's memory (``benchmarks pss_mb``). So the daemon has a configuration of its
own that leaves those files out and keeps everything else.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Iterable, MutableMapping, Sequence

log = logging.getLogger(__name__)

VARIABLE = "ALSA_CONFIG_PATH"
SYSTEM = "/usr/share/alsa/alsa.conf"
# As alsa.conf of alsa-lib 1.2 reads them, in this order.
FOLDERS = ("/var/lib/alsa/conf.d", "/usr/etc/alsa/conf.d", "/etc/alsa/conf.d")
OWN = ("/etc/asound.conf", "/usr/etc/asound.conf", "~/.asoundrc", "~/.config/alsa/asoundrc")
# Files of libasound2-plugins, and the names that they define; whoever names one of these keeps all of them.
HEAVY = {
    "10-rate-lav.conf": "lavrate",
    "10-samplerate.conf": "samplerate",
    "10-speexrate.conf": "speexrate",
    "50-arcam-av-ctl.conf": "arcam",
    "50-jack.conf": "jack",
    "50-oss.conf": "oss",
    "60-a52-encoder.conf": "a52",
    "60-speex.conf": "speex",
    "60-upmix.conf": "upmix",
    "60-vdownmix.conf": "vdownmix",
    "98-usb-stream.conf": "usbstream",
}
_NAMED = re.compile(rf"\b({'|'.join(HEAVY.values())})\b")
NAME = "asound.conf"


def configuration(files: Iterable[str]) -> str:
    """The text that, read behind alsa.conf, makes it load these files instead of its own choice."""
    listed = " ".join(f'"{path}"' for path in files)
    return f"!@hooks [ {{ func load files [ {listed} ] errors false }} ]\n"


def kept(folders: Sequence[str] = FOLDERS, own: Sequence[str] = OWN) -> list[str]:
    """The files to load, in ALSA's order: those of the folders but the heavy ones, then the owner's."""
    found = []
    for folder in folders:
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue  # most boards have one of them
        found += [os.path.join(folder, name) for name in names if name.endswith(".conf") and name not in HEAVY]
    return [*found, *(path for path in map(os.path.expanduser, own) if os.path.exists(path))]


def slim(
    folder: str,
    specs: Iterable[str],
    env: MutableMapping[str, str],
    system: str = SYSTEM,
    folders: Sequence[str] = FOLDERS,
    own: Sequence[str] = OWN,
) -> bool:
    """Have this process use such a configuration; before ALSA is loaded, and before any thread is started.

    Args:
        folder: where it is written (the runtime folder).
        specs: the devices; one that names a heavy plugin keeps them all.
        env: the environment.

    Returns:
        False where everything stays as it is: the owner uses one of the plugins, has hooks of their own, or nothing
        can be written.
    """
    base = env.get(VARIABLE, system)
    files = kept(folders, own)
    try:
        texts = [*specs, *map(_read, files)]
        given = "" if base == system else "\n".join(map(_read, base.split(":")))
        if "@hooks" in given or any(_NAMED.search(text) for text in (*texts, given)):
            return False
        path = os.path.join(folder, NAME)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(configuration(files))
        os.replace(f"{path}.new", path)
    except OSError as error:
        log.info("ALSA's own configuration is used as it is: %s", error)
        return False
    # Several files, read one behind the other (alsa-lib, snd_config_update_r).
    env[VARIABLE] = f"{base}:{path}"
    return True


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return re.sub(r"#.*", "", file.read())
