from __future__ import annotations

from kioskd.wire.errors import LocalError, ProtocolError


def test_a_protocol_error_carries_the_close_code_and_a_sentence() -> None:
    error = ProtocolError(1009, "Too large.")
    assert (error.code, error.sentence, str(error)) == (1009, "Too large.", "Too large. (close 1009)")


def test_their_fault_is_never_caught_as_ours() -> None:
    assert not issubclass(ProtocolError, LocalError) and not issubclass(LocalError, ProtocolError)
