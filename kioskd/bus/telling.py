"""What the broker is told of this machine, and what people are told of the broker."""

from __future__ import annotations


def client_id() -> str:
    """The same after a restart, another for each machine, and no fingerprint of it (machine-id(5))."""
    from hashlib import sha256

    try:
        with open("/etc/machine-id", encoding="ascii") as file:
            machine = file.read(64).strip()
    except (OSError, ValueError):
        machine = ""
    return "kioskd-" + sha256(f"kioskd mqtt {machine}".encode()).hexdigest()[:12]


def why(error: Exception) -> str:
    """Why there is no connection, as a sentence."""
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        return f"the broker's certificate cannot be verified ({error.verify_message}); is the clock right?"
    if isinstance(error, TimeoutError):
        return "the broker does not answer; it is tried again"
    if isinstance(error, ValueError):
        return f"the broker cannot be spoken to: {error}"
    text = getattr(error, "strerror", None) or type(error).__name__
    return f"the broker cannot be reached: {text}; it is tried again"
