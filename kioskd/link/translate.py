"""From what the wire says to what the house says: facts become events, complaints become ends. Pure.

Audio takes the lanes and is not here.
"""

from __future__ import annotations

from kioskd.core import events
from kioskd.core.codeword import codeword
from kioskd.core.words import CallKey
from kioskd.link.failures import Failure
from kioskd.wire import facts
from kioskd.wire.profile import Trouble

# Before a session is ready nothing of ours was sent but its configuration: what is wrong with a frame is wrong with it.
_OUR_CONFIGURATION = (Trouble.FRAME, Trouble.BENIGN, Trouble.TURN_LOST)

# After one of these an open session is of no use (dialects reference 8.6).
_SESSION_LOST = (Trouble.CAPACITY, Trouble.EXPIRY, Trouble.FATAL, Trouble.TRANSPORT)


def event_of(fact: facts.Fact, endpoint: str, session: str) -> events.Event | None:
    """The event that tells the machine about ``fact``; None when it does not concern the machine."""
    match fact:
        case facts.UserStarted():
            return events.SpeechStarted(session)
        case facts.UserStopped():
            return events.SpeechStopped(session)
        case facts.TurnRejected():
            return events.TurnRejected(session)
        case facts.Began():
            return events.ResponseCreated(session, fact.response)
        case facts.Ended():
            return events.ResponseDone(
                session, fact.response, fact.status, codeword(fact.reason or fact.error_code, "")
            )
        case facts.ToolCalled():
            return events.ToolAsked(CallKey(endpoint, session, fact.call_id), fact.name, fact.arguments)
        case facts.Complaint():
            return events.ServiceComplained(session, codeword(fact.code or "error"))
    return None


def failure_of(complaint: facts.Complaint, endpoint: str, told: bool = False) -> Failure | None:
    """The end that an error frame means; None when the session goes on.

    Args:
        told: its configuration held what was said before. Where it does, and in a session that was ready, the text
            of the service is not repeated: it may quote a visitor.
    """
    sentence = f"{endpoint} says {codeword(complaint.code or 'error')}"
    if complaint.before_ready and not told and complaint.message:
        sentence += f": {complaint.message}"
    if complaint.before_ready:
        lasting = complaint.trouble in _OUR_CONFIGURATION
        return Failure(Trouble.FATAL if lasting else complaint.trouble, sentence)
    if complaint.trouble in _SESSION_LOST:
        return Failure(complaint.trouble, sentence)
    return None
