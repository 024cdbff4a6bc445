"""Who wants a session, by policy."""

from __future__ import annotations

from kioskd.link.wish import Wish


def test_on_demand_wants_one_as_long_as_a_person_does() -> None:
    wish = Wish("on_demand")
    assert not wish
    wish.opened(greet=True)
    assert wish and wish.greet
    wish.ended()
    assert wish, "a session that was lost is replaced while the person is there"
    wish.closed()
    assert not wish and not wish.greet


def test_a_conversation_is_unserved_until_it_has_had_a_session() -> None:
    wish = Wish("on_demand")
    wish.opened(greet=False)
    assert wish.unserved
    wish.served()
    assert not wish.unserved
    wish.opened(greet=False)
    wish.closed()
    assert not wish.unserved


def test_warm_wants_one_from_the_start_and_after_a_conversation_but_not_after_the_service_ended_it() -> None:
    wish = Wish("warm")
    assert wish and not wish.person
    wish.ended()
    assert not wish
    wish.opened(greet=False)
    assert wish
    wish.closed()
    assert wish


def test_always_wants_one_whatever_happened_until_the_end() -> None:
    wish = Wish("always")
    for happens in (wish.ended, wish.closed, wish.ended):
        happens()
        assert wish
    wish.stop()
    assert not wish
