"""Calls a person by e-mail: one message, over TLS that is verified."""

from __future__ import annotations

import logging
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Callable

from kioskd.actions.summons import Summons, Taken
from kioskd.actions.web import hung_up
from kioskd.actions.webhook import bearer
from kioskd.config.action import StaffEmail

if TYPE_CHECKING:
    from email.message import EmailMessage
    from io import BufferedReader
    from smtplib import SMTP

log = logging.getLogger(__name__)

PASSWORD_KEY = "action.staff.email.password"
# Of all that a mail server says while a letter is given to it: a few lines. A guess.
MOST_SAID_BYTES = 64 * 1024


class Mail:
    """One way to people's mailboxes. Any thread.

    Args:
        name: the tool's name.
        action: server, addresses.
        password: reads the password; None: without one.
    """

    def __init__(self, name: str, action: StaffEmail, password: Callable[[], str] | None) -> None:
        self._name = name
        self._action = action
        self._password = password

    def call(self, summons: Summons) -> Taken:
        """Write. Blocks up to ``timeout_s``, but for the name server: a worker thread only."""
        # Imported here: few kiosks write letters.
        from smtplib import SMTPException

        try:
            password = bearer(self._password, f"the mail password for {self._name}", PASSWORD_KEY)
        except ValueError as error:
            return Taken(str(error))
        deadline = time.monotonic() + self._action.timeout_s
        try:
            refused = self._send(self._letter(summons), password, deadline)
        except (OSError, SMTPException, ValueError) as error:
            late = time.monotonic() >= deadline
            return Taken(_without(password, _why(error, late)))
        for address, answer in refused.items():
            log.warning("%s: the mail server does not deliver to %s (%s)", self._name, address, answer[0])
        return Taken("")

    def _letter(self, summons: Summons) -> EmailMessage:
        from email.message import EmailMessage

        letter = EmailMessage()
        # What stands in these comes from the owner alone; EmailMessage refuses a line break in any of them.
        letter["From"] = self._action.from_
        letter["To"] = ", ".join(self._action.to)
        letter["Subject"] = f"{self._action.subject} ({summons.kiosk})"
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notice comes back
        # The same for the same call: a mailbox shows a repetition once.
        once = sha256(str(summons.key).encode("utf-8", "backslashreplace")).hexdigest()[:32]
        letter["Message-ID"] = f"<{once}@kioskd.invalid>"
        letter["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(summons.at))
        letter.set_content(summons.text())
        return letter

    def _send(self, letter: EmailMessage, password: str, deadline: float) -> dict[str, tuple[int, bytes]]:
        action = self._action
        server = _server(action)
        with hung_up(deadline, lambda: server.sock):
            try:
                _connect(server, action)
                if action.user is not None:
                    server.login(action.user, password)
                return server.send_message(letter, action.from_, list(action.to))
            finally:
                server.close()


def _server(action: StaffEmail) -> SMTP:
    """Not dialled yet: while it is, the line can be hung up already."""
    import smtplib
    from ssl import create_default_context

    class Brief(smtplib.SMTP):
        """One that does not read for ever: a server may answer with as many lines as it likes."""

        def getreply(self) -> tuple[int, bytes]:
            if self.file is None and self.sock is not None:
                self.file = _Bounded(self.sock.makefile("rb"))
            return super().getreply()

    class BriefTls(Brief, smtplib.SMTP_SSL):
        """The same, with TLS from the begin."""

    if action.tls == "implicit":
        return BriefTls(timeout=action.timeout_s, context=create_default_context())
    return Brief(timeout=action.timeout_s)


class _Bounded:
    """What a server says, up to ``MOST_SAID_BYTES``."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._left_bytes = MOST_SAID_BYTES

    def readline(self, most: int) -> bytes:
        """A line; OSError when it was far too much."""
        line = self._file.readline(most)
        self._left_bytes -= len(line)
        if self._left_bytes < 0:
            raise OSError("it talks too much")
        return line

    def close(self) -> None:
        """Idempotent."""
        self._file.close()


def _connect(server: SMTP, action: StaffEmail) -> None:
    from ssl import create_default_context

    # Told apart from ``connect``: what TLS verifies is the name that it was made for.
    server._host = action.host  # type: ignore[attr-defined]  # the class knows it only when it dials by itself
    server.connect(action.host, action.port)
    if action.tls == "starttls":
        # Raises where the server does not offer it: nothing is ever sent in the clear.
        server.starttls(context=create_default_context())


def _why(error: Exception, late: bool) -> str:
    from smtplib import (
        SMTPAuthenticationError,
        SMTPNotSupportedError,
        SMTPRecipientsRefused,
        SMTPResponseException,
        SMTPServerDisconnected,
    )
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        return f"the mail server's certificate cannot be verified ({error.verify_message}); is the clock right?"
    if late or isinstance(error, TimeoutError):
        return "the mail server did not answer in time."
    if isinstance(error, SMTPAuthenticationError):
        return f"the mail server refuses user or password ({error.smtp_code}); see {PASSWORD_KEY}."
    if isinstance(error, SMTPNotSupportedError):
        return "the mail server does not offer what is asked of it; see action.staff.email.tls and user."
    if isinstance(error, SMTPRecipientsRefused):
        return "the mail server delivers to none of the addresses; see action.staff.email.to."
    if isinstance(error, SMTPServerDisconnected):
        return "the mail server hung up."
    if isinstance(error, SMTPResponseException):
        return f"the mail server refuses the letter ({error.smtp_code})."
    text = getattr(error, "strerror", None) or type(error).__name__
    return f"the mail server cannot be reached: {text}."


def _without(password: str, text: str) -> str:
    return text.replace(password, "***") if password else text
