"""systemd's two ends: what the process tells the manager, and where log lines go. The one importer of ``systemd``.

The library is loaded only under systemd (NOTIFY_SOCKET, JOURNAL_STREAM): elsewhere it would cost 2 MB for nothing,
and its journal call loses text silently where no journald listens.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Callable, IO, Mapping

from kioskd.core.catalogue import BY_NAME

log = logging.getLogger(__name__)

# The same sentence at most so often a minute; a device that flaps must not fill the journal. Guess.
SAME_LINE_A_MINUTE = 20
REMEMBERED_LINES = 500
PRIORITY = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}  # sd-daemon(3)


class Notifier:
    """sd_notify(3). Does nothing where nobody listens. Loop only: both C bindings hold the GIL while they send."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._notify: Callable[[str], object] | None = None
        if env.get("NOTIFY_SOCKET"):
            from systemd.daemon import notify

            self._notify = notify
        self.watchdog_period_s = _watchdog_period_s(env)
        self.fed = 0
        self.unheard = 0  # messages that the manager's socket did not take

    def _tell(self, text: str) -> None:
        if self._notify is None:
            return
        try:
            self._notify(text)
        except OSError as error:
            # A manager that does not listen is no reason to end; if it wants the watchdog it will end us itself.
            self.unheard += 1
            if self.unheard == 1:
                log.warning("the service manager cannot be told: %s", error)

    def ready(self, status: str) -> None:
        """Everything is open; network and devices are states, not preconditions."""
        self._tell(f"READY=1\nSTATUS={_one_line(status)}")

    def reloading(self) -> None:
        """The configuration is being read again; ``ready`` ends it. sd_notify(3) wants the time with it."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._tell(f"STATUS={_one_line(text)}")

    def watchdog(self) -> None:
        """Proof of life; call it only with proof."""
        self.fed += 1
        if self.watchdog_period_s is not None:
            self._tell("WATCHDOG=1")

    def stopping(self, needs_s: float = 0.0) -> None:
        """The end has begun; ``needs_s``: it may take so long, whatever TimeoutStopSec says (sd_notify(3))."""
        self._tell("STOPPING=1" + (f"\nEXTEND_TIMEOUT_USEC={needs_s * 1e6:.0f}" if needs_s else ""))


def _watchdog_period_s(env: Mapping[str, str]) -> float | None:
    """Half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises; None when the manager asks for none of us."""
    usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 2e6


def _one_line(text: str) -> str:
    return " ".join(text.split())


class Bounded(logging.Filter):
    """Lets the same sentence through only so often a minute, and says how many it kept back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}
        self.kept_back = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record goes out."""
        key = (record.name, record.levelno, str(record.msg))
        now = self._clock()
        since, count = self._seen.get(key, (now, 0))
        if now - since >= 60.0:
            if count > SAME_LINE_A_MINUTE:
                record.msg = f"{record.msg} [{count - SAME_LINE_A_MINUTE} more like this in the last minute]"
            since, count = now, 0
        if len(self._seen) >= REMEMBERED_LINES and key not in self._seen:
            self._seen.clear()
        self._seen[key] = (since, count + 1)
        if count >= SAME_LINE_A_MINUTE:
            self.kept_back += 1
            return False
        return True


class Redacting(logging.Formatter):
    """Formats, then takes every secret out: of the text, the arguments and the traceback alike."""

    def __init__(self, form: str, redact: Callable[[str], str], *, prefixed: bool = False) -> None:
        super().__init__(form, datefmt="%H:%M:%S")
        self._redact = redact
        self._prefixed = prefixed

    def format(self, record: logging.LogRecord) -> str:
        """The finished text, one line or a traceback of several."""
        text = self._redact(super().format(record))
        if not self._prefixed:
            return text
        mark = f"<{PRIORITY.get(record.levelname, 6)}>"
        return "\n".join(mark + line for line in text.splitlines())


def _is_journal(env: Mapping[str, str], stream: IO[str]) -> bool:
    """Whether ``stream`` is the journal's own (systemd.exec(5), JOURNAL_STREAM=device:inode)."""
    try:
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return env.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"


class Discreet(logging.Handler):
    """What cannot be told is counted where it stands in the code; logging's own way out would print the arguments and
    the traceback as they are, secrets and all.
    """

    def handleError(self, record: logging.LogRecord) -> None:
        """One record could not be told. Within an ``except``."""
        where = f"{os.path.basename(record.pathname)}:{record.lineno}"
        try:
            sys.stderr.write(f"<4>a line of {record.name} ({where}) could not be told: {sys.exc_info()[0]}\n")
        except (AttributeError, OSError, ValueError):
            pass  # standard error is gone as well: there is nobody left to tell


class Lines(Discreet, logging.StreamHandler[IO[str]]):
    """Writes lines to a stream."""


class Journal(Discreet):
    """Sends records to journald with their fields (core/catalogue.py). Any thread.

    systemd's own handler sends a record's arguments and its traceback as they are, in fields of their own: here nothing
    leaves that was not redacted.

    Args:
        send: ``systemd.journal.send``.
        redact: takes secrets out of a text.
    """

    def __init__(self, send: Callable[..., object], redact: Callable[[str], str]) -> None:
        super().__init__()
        self._send, self._redact = send, redact
        self.setFormatter(Redacting("%(message)s", redact))

    def emit(self, record: logging.LogRecord) -> None:
        """One record, its traceback in the message."""
        try:
            # Half a surrogate pair, as a frame may hold it, is nothing that the journal can take.
            fields = {name: _whole(self._redact(value)) for name, value in getattr(record, "journal", {}).items()}
            trouble = BY_NAME["trouble"].id if record.levelno >= logging.ERROR else ""
            if number := getattr(record, "MESSAGE_ID", trouble):
                fields["MESSAGE_ID"] = number
            self._send(
                _whole(self.format(record)),
                PRIORITY=str(PRIORITY.get(record.levelname, 6)),
                SYSLOG_IDENTIFIER="kioskd",
                LOGGER=record.name,
                THREAD_NAME=record.threadName or "",
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName or "",
                **fields,
            )
        except Exception:
            self.handleError(record)


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _journal(redact: Callable[[str], str]) -> logging.Handler:
    from systemd.journal import send

    return Journal(send, redact)


def setup_logging(
    level: str, env: Mapping[str, str], stream: IO[str], redact: Callable[[str], str] = lambda text: text
) -> None:
    """Send log records to the journal, to systemd's pipe, or to a person's terminal.

    Args:
        level: debug, info, warning or error.
        env: where JOURNAL_STREAM and INVOCATION_ID are looked up.
        stream: standard error.
        redact: takes secrets out of a finished line.
    """
    handler: logging.Handler
    if _is_journal(env, stream):
        handler = _journal(redact)
    else:
        handler = Lines(stream)
        if stream.isatty():
            handler.setFormatter(Redacting("%(asctime)s %(levelname)-7s %(message)s", redact))
        else:
            handler.setFormatter(Redacting("%(name)s: %(message)s", redact, prefixed=True))
    handler.addFilter(Bounded())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Its DEBUG lines hold whole frames and the URL with the key.
    logging.getLogger("websockets").setLevel(max(logging.INFO, root.level))
    logging.captureWarnings(True)
