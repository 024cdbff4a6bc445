"""One connection to an MQTT broker (3.1.1), kept alive; the one owner of paho-mqtt, which is loaded only where a broker
is configured (with TLS it takes 10 MB).

Every connection begins with nothing: what an earlier one had not delivered is forgotten, at this end and at the
broker's (clean session), because a call for help that arrives an hour late is worse than none. What the broker kept, or
sends again, is marked as such to whoever hears it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Callable

from kioskd.bus.sieve import Sieve
from kioskd.bus.telling import client_id, why
from kioskd.config.mqtt import Mqtt
from kioskd.core.events import PartChanged
from kioskd.core.ports import Post
from kioskd.core.words import PartState

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = logging.getLogger(__name__)

Heard = Callable[[bytes, bool], None]

PART = "mqtt"
CONNECT_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# A connection that lasted so long was a good one: the next pause is short again. A guess.
STABLE_S = 60.0
# Messages that wait for the broker; beyond this a message is dropped and counted. A guess: each is a call or a head.
MOST_WAITING = 100
# A message longer than this is nobody's answer.
MOST_BYTES = 64 * 1024
# How often the connection is looked at, should its end not have been told.
LOOK_S = 30.0


class Broker:
    """See ``core.ports.Courier``. ``start`` and ``stop``: loop only; everything else: any thread.

    Args:
        settings: where it is, and how it is spoken to.
        post: gets PartChanged("mqtt", ...) when the connection comes or goes.
        password: reads the password before each connection; None: without one.
        first_pause_s: before the second attempt; doubles, with full jitter.
        chance: 0.0 to 1.0.
        will: topic and payload that the broker keeps when this kiosk is cut off.
    """

    def __init__(
        self,
        settings: Mqtt,
        post: Post,
        password: Callable[[], str] | None,
        first_pause_s: float = FIRST_PAUSE_S,
        chance: Callable[[], float] = random.random,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self._settings = settings
        self._will = will
        self._post = post
        self._password = password
        self._first_pause_s = first_pause_s
        self._chance = chance
        self._lock = threading.Lock()  # for the next three
        self._client: Client | None = None  # while it is connected
        self._heard: dict[str, list[Heard]] = {}
        names = ("published", "dropped", "heard", "retained", "oversized", "faults", "connections")
        self._counts = dict.fromkeys(names, 0)
        self._state = PartState.STARTING
        self._reason = ""
        self._refusal = ""
        # Topics of this connection, and those that the broker has not confirmed; paho's thread, as the next one.
        self._asked: set[str] = set()
        self._subscribing: dict[int, str] = {}
        self._deaf = ""  # why a topic is not heard
        self._stopping = threading.Event()
        self._turned = threading.Event()  # the connection came or went
        self._thread = threading.Thread(target=self._run, name="kioskd-mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; it does not wait for that."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the connection. False: its thread hangs (a name server, most likely). Idempotent."""
        self._stopping.set()
        self._turned.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send it once (QoS 1), not retained; False: no broker takes it now, or too many wait for it."""
        return self._send(topic, payload) is not None

    def keep(self, topic: str, payload: bytes, wait_s: float = 0.0) -> bool:
        """Have the broker keep it for whoever comes later (retained, QoS 1), at this very topic: the prefix of the
        configuration is not put before it. False as ``publish``, and when it is not confirmed within ``wait_s``.
        """
        sent = self._send(topic, payload, retain=True)
        if sent is None or not wait_s:
            return sent is not None
        try:
            sent.wait_for_publish(wait_s)
        except (ValueError, RuntimeError):
            return False
        return bool(sent.is_published())

    @property
    def connections(self) -> int:
        """How often a broker was reached."""
        with self._lock:
            return self._counts["connections"]

    def deliver(self, topic: str, payload: bytes, timeout_s: float) -> str:
        """Send it, and wait until the broker has it; empty, or a sentence why not."""
        sent = self._send(topic, payload)
        if sent is None:
            return f"the broker takes nothing at the moment: {self._reason or 'it is being connected'}"
        try:
            sent.wait_for_publish(timeout_s)
        except (ValueError, RuntimeError) as error:
            return f"the broker does not take it ({error})."
        return "" if sent.is_published() else f"the broker did not confirm it within {timeout_s:g} s."

    def subscribe(self, topic: str, heard: Heard) -> None:
        """``heard(payload, retained)`` for each message of this topic, in the connection's thread, over reconnects too.

        ``retained`` also for what is sent again. It must not block; one that raises is logged.
        """
        with self._lock:
            self._heard.setdefault(self._full(topic), []).append(heard)
            client = self._client
        if client is not None:
            client.subscribe(self._full(topic), qos=1)

    def snapshot(self) -> dict[str, object]:
        """For status."""
        host, port = self._settings.where
        with self._lock:
            counts = dict(self._counts)
        return {"broker": f"{host}:{port}", "state": self._state.value, "reason": self._reason, **counts}

    # -- inside ----------------------------------------------------------------------------------

    def _full(self, topic: str) -> str:
        return f"{self._settings.topic}/{topic}"

    def _send(self, topic: str, payload: bytes, retain: bool = False) -> Any:
        """What paho says of it; None: it was dropped."""
        with self._lock:
            client = self._client
        full = topic if retain else self._full(topic)
        sent = None if client is None else client.publish(full, payload, qos=1, retain=retain)
        taken = sent is not None and sent.rc == 0
        self._count("published" if taken else "dropped")
        return sent if taken else None

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._connection()
            except Exception as error:
                # The boundary of this thread: whatever paho or the network does, the next attempt comes.
                expected = isinstance(error, (OSError, ValueError))
                log.log(logging.DEBUG if expected else logging.ERROR, "the broker: %r", error, exc_info=not expected)
                self._turn(PartState.ABSENT, why(error))
            failures = 0 if time.monotonic() - began > STABLE_S else failures + 1
            pause_s = min(LONGEST_PAUSE_S, self._first_pause_s * 2.0 ** min(10, failures - 1))
            # Full jitter: a thousand kiosks must not knock at a broker that has just come back all at once.
            self._stopping.wait(max(0.1 * self._first_pause_s, pause_s * self._chance()))

    def _connection(self) -> None:
        """One connection, from its begin to its end."""
        client = self._make()
        self._turned.clear()
        self._refusal = ""
        try:
            client.connect(*self._settings.where, keepalive=self._settings.keepalive_s)
            client.loop_start()
            if not self._turned.wait(CONNECT_S):
                raise TimeoutError("it does not answer")
            while not self._stopping.is_set() and client.is_connected():
                self._turned.clear()
                # Looked at once more: it may have gone between the two lines above.
                if client.is_connected() and not self._stopping.is_set():
                    self._turned.wait(LOOK_S)
        finally:
            with self._lock:
                self._client = None
            client.disconnect()
            client.loop_stop()
        if not self._stopping.is_set():
            state = PartState.FAILED if self._refusal else PartState.ABSENT
            self._turn(state, self._refusal or "the broker ended the connection; it is tried again")

    def _make(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            settings.client_id or client_id(),
            clean_session=True,
            reconnect_on_failure=False,
        )
        if settings.tls:
            from ssl import create_default_context

            client.tls_set_context(create_default_context(cafile=settings.ca_file))
        if settings.user is not None:
            client.username_pw_set(settings.user, self._password() if self._password is not None else None)
        if self._will is not None:
            client.will_set(*self._will, qos=1, retain=True)
        client.max_queued_messages_set(MOST_WAITING)
        client.connect_timeout = CONNECT_S
        # The library has no bound of its own; it reads by this one alone (a test holds it to that).
        read = Sieve(client._sock_recv, lambda: len(client._in_messages), self._leave)
        client._sock_recv = read  # type: ignore[method-assign, assignment]  # see above
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = lambda *_: self._turned.set()
        client.on_message = lambda client, data, message: self._hear(message)
        return client

    def _connected(self, client: Client, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._refusal = f"the broker refuses this kiosk ({code}); see mqtt.user and mqtt.password"
            self._turned.set()
            return
        self._deaf = ""
        self._asked, self._subscribing = set(), {}
        self._go_on(client)

    def _leave(self, why: str) -> None:
        self._refusal = why

    def _subscribed(self, client: Client, data: Any, mid: int, codes: Any, properties: Any) -> None:
        topic = self._subscribing.pop(mid, "")
        if topic and any(code.is_failure for code in codes):
            self._deaf = f"the broker does not let this kiosk hear {topic}; see the rights of its user there"
        if not self._subscribing and self._client is not client:
            self._go_on(client)

    def _go_on(self, client: Client) -> None:
        """Subscribe to what has not been; then it is connected, and all ears: what is sent before would be answered
        unheard."""
        with self._lock:
            missing = [topic for topic in self._heard if topic not in self._asked]
            if not missing:
                self._client = client
                self._counts["connections"] += 1
        for topic in missing:
            self._asked.add(topic)
            self._subscribing[client.subscribe(topic, qos=1)[1] or 0] = topic
        if not missing:
            self._turn(PartState.FAILED if self._deaf else PartState.RUNNING, self._deaf)
            self._turned.set()

    def _hear(self, message: MQTTMessage) -> None:
        with self._lock:
            listeners = list(self._heard.get(message.topic, ()))
        kept = bool(message.retain or message.dup)
        self._count("heard")
        if kept:
            self._count("retained")
        if len(message.payload) > MOST_BYTES:
            self._count("oversized")
            return
        for heard in listeners:
            try:
                heard(bytes(message.payload), kept)
            except Exception:
                # The boundary of paho's thread: a fault of one listener must not end the connection of all.
                self._count("faults")
                log.exception("what was heard at %s could not be taken", message.topic)

    def _turn(self, state: PartState, reason: str) -> None:
        if (state, reason) == (self._state, self._reason):
            return
        log.log(
            logging.INFO if state is PartState.RUNNING else logging.WARNING, "the broker: %s", reason or "connected"
        )
        self._state, self._reason = state, reason
        self._post(PartChanged(PART, state, reason))
