"""Who wants a session: a person, the owner's policy, or nobody. Pure."""

from __future__ import annotations


class Wish:
    """Loop only.

    Args:
        policy: ``session.policy``: on_demand, warm or always.

    Attributes:
        person: a conversation is on.
        greet: its first session shall speak first; spoken once.
        kept: the policy wants one, whether or not anybody is here.
        unserved: the conversation that is on has had no session yet: the end of the last one says nothing about it.
    """

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self.person = False
        self.greet = False
        self.unserved = False
        self.kept = policy != "on_demand"

    def __bool__(self) -> bool:
        """Whether anybody wants one."""
        return self.person or self.kept

    def opened(self, greet: bool) -> None:
        """A person opened the conversation."""
        self.person = self.unserved = True
        self.greet = greet

    def served(self) -> None:
        """There is a session for it."""
        self.unserved = False

    def closed(self) -> None:
        """The conversation is over: what it left behind is replaced by a fresh session where the policy keeps one."""
        self.person = self.greet = self.unserved = False
        self.kept = self._policy != "on_demand"

    def ended(self) -> None:
        """A session that was ready has ended, and not from here. A warm one is not replaced until somebody comes."""
        self.kept = self._policy == "always"

    def stop(self) -> None:
        """Nobody will want one any more."""
        self._policy = "on_demand"
        self.closed()
