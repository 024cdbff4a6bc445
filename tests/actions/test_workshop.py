"""What hands are made of."""

from __future__ import annotations

import threading
from typing import Any

from kioskd.actions.crew import Crew
from kioskd.actions.lastword import Words
from kioskd.actions.workshop import Workshop
from kioskd.config.sections import SecretRef


def test_a_secret_is_read_each_time_it_is_needed(posts: Any) -> None:
    read: list[str] = []

    def secret(ref: SecretRef) -> str:
        read.append(ref.env or "")
        return f"secret {len(read)}"

    crew = Crew("test-workshop", 1, 0)
    shop = Workshop({}, {}, posts, "lobby", secret, threading.Event(), crew, lambda name: crew, {}, Words(posts))
    token = shop.secret(SecretRef(env="A_TOKEN"))
    assert token is not None and (token(), token()) == ("secret 1", "secret 2") and read == ["A_TOKEN"] * 2
    assert shop.secret(None) is None
    assert crew.stop(10.0)
