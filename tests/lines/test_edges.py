"""The thread that waits for edges, on real file descriptors."""

from __future__ import annotations

import os
import threading

import pytest

from kioskd.lines.edges import EdgeReader

PATIENCE_S = 5.0


class Wire:
    """A pipe and what was heard of it."""

    def __init__(self) -> None:
        self.fd, self.end = os.pipe()
        self.heard = threading.Event()
        self.lost = threading.Event()
        self.thread: threading.Thread | None = None
        self.trouble: Exception | None = None

    def ring(self) -> None:
        os.write(self.end, b"x")

    def drain(self) -> None:
        os.read(self.fd, 64)
        self.thread = threading.current_thread()
        if self.trouble is not None:
            raise self.trouble
        self.heard.set()

    def gone(self, error: OSError) -> None:
        self.lost.set()


@pytest.fixture
def reader():
    made = EdgeReader()
    yield made
    made.close()


def watched(reader: EdgeReader) -> Wire:
    wire = Wire()
    reader.watch(wire.fd, wire.drain, wire.gone)
    return wire


def test_no_thread_runs_before_something_is_watched(reader) -> None:
    assert not [thread for thread in threading.enumerate() if thread.name == "lines-edges"]


def test_edges_are_served_in_the_readers_thread_also_for_lines_that_join_later(reader) -> None:
    one = watched(reader)
    one.ring()
    assert one.heard.wait(PATIENCE_S)
    two = watched(reader)
    two.ring()
    assert two.heard.wait(PATIENCE_S)
    assert one.thread is two.thread and one.thread is not threading.current_thread()


def test_a_line_that_is_no_longer_watched_is_not_served(reader) -> None:
    one, two = watched(reader), watched(reader)
    reader.unwatch(one.fd)
    reader.unwatch(one.fd)
    one.ring()
    two.ring()
    assert two.heard.wait(PATIENCE_S)
    assert not one.heard.is_set()


def test_a_lost_line_is_told_once_and_dropped_and_the_others_go_on(reader) -> None:
    one, two = watched(reader), watched(reader)
    one.trouble = OSError("gone")
    one.ring()
    assert one.lost.wait(PATIENCE_S)
    one.trouble = None
    one.ring()
    two.ring()
    assert two.heard.wait(PATIENCE_S)
    assert not one.heard.is_set()


def test_a_callback_that_fails_is_counted_logged_and_does_not_end_the_thread(reader, caplog) -> None:
    one = watched(reader)
    one.trouble = RuntimeError("broken callback")
    one.ring()
    two = watched(reader)
    two.ring()
    assert two.heard.wait(PATIENCE_S)
    one.trouble = None
    one.ring()
    assert one.heard.wait(PATIENCE_S)
    assert reader.errors == 1 and "broken callback" in caplog.text


def test_a_lost_line_of_which_nobody_can_be_told_does_not_make_the_others_deaf(reader, caplog) -> None:
    one, two = Wire(), watched(reader)

    def fail(error: OSError) -> None:
        raise RuntimeError("the inbox is closed")

    reader.watch(one.fd, one.drain, fail)
    one.trouble = OSError("gone")
    one.ring()
    two.heard.clear()
    two.ring()
    assert two.heard.wait(PATIENCE_S)
    for _ in range(2):  # the reader has served both, in whatever order, when it has served this
        two.heard.clear()
        two.ring()
        assert two.heard.wait(PATIENCE_S)
    assert reader.errors == 1 and "the inbox is closed" in caplog.text


def test_close_ends_the_thread() -> None:
    reader = EdgeReader()
    wire = watched(reader)
    wire.ring()
    assert wire.heard.wait(PATIENCE_S)
    reader.close()
    assert wire.thread is not None and not wire.thread.is_alive()
