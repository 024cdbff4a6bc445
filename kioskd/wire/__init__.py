"""The wire room: dialects as data, messages, and the session without I/O. Pure: bytes in, facts and bytes out."""
