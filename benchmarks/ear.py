"""A listener that counts every byte: the proof that nothing is sent to a service while nobody speaks."""

from __future__ import annotations

import socket
import threading
from types import TracebackType


class Ear:
    """A TCP port on loopback that takes connections and counts what comes. A thread of its own."""

    def __init__(self) -> None:
        self.bytes = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, name="bench-ear", daemon=True)

    @property
    def url(self) -> str:
        """Where a link would dial."""
        return f"ws://127.0.0.1:{self._listener.getsockname()[1]}/waves/v1/s2s"

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        # close alone does not end an accept in another thread; shutdown does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                talker, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            self.connections += 1
            with talker:
                self._count(talker)

    def _count(self, talker: socket.socket) -> None:
        talker.settimeout(5)
        try:
            while piece := talker.recv(65536):
                self.bytes += len(piece)
        except OSError:
            pass  # it hung up without a word, or says nothing
