"""The link, as the rest of evenkeel uses it, in the event loop. Its thread runs one `line` after the other.

* `publish` returns when the broker has the message, through any number of connections. Messages under way when one broke
  are published again, in order, before later ones: at least once.
* Messages are handed over in order of arrival and acknowledged in that order, each after its consumer said `done`. The
  session at the broker outlives connections and this process: a message that was not done is delivered again, and messages
  that are sent while there is no connection wait. The consumer has to recognise a message that it had already.
* `connections` says True when all subscriptions are in force, so that the answer to a message that is sent then is heard. A
  refused subscription is asked for again on the same connection, with a back-off; the others are in force meanwhile.
* A broker that answers pings but does not acknowledge messages has lost them, or its answer: MQTT repeats nothing while a
  connection lives. The connection is then made again, after a time that doubles until something is acknowledged: a slow
  network must not look like such a broker for ever.
* Certificates that replace others are shown by a new connection; where the broker refuses them, the former ones are.
* No packet of a broker or a publisher ends the link; at worst the connection is made again.
* Only QoS 0 and 1 are spoken. Secrets appear in no log and no error.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from evenkeel.controller.mqtt.access import Access, broker_element, client_id_of
from evenkeel.controller.mqtt.certificates import Certificates
from evenkeel.controller.mqtt.limits import STEADY_S, BrokerLimits, Publication, longest_answer_s, next_try_s
from evenkeel.controller.mqtt.line import (
    RENEWED,
    SILENT,
    UNANSWERED,
    Accepted,
    Arrived,
    Event,
    Line,
    Published,
    Subscribed,
)
from evenkeel.controller.mqtt.rivals import HELD_S, Rivals
from evenkeel.controller.mqtt.session import Message, Session, check_topic, message_of, unwanted
from evenkeel.controller.mqtt.subscriptions import Subscriptions
from evenkeel.controller.process.let_in import LetIn
from evenkeel.specs.errors import EvenkeelError, Unavailable
from evenkeel.specs.reading.wire import MOST_BYTES
from evenkeel.specs.settings.mqtt import MqttSettings
from evenkeel.specs.settings.settings import Backoff

log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_BACKOFF = Backoff()
_BROKE = "the connection to the broker broke"


class MqttLink:
    """The connection. Use it as `async with`, or `start` and `close` it; all methods belong to the event loop."""

    def __init__(
        self,
        settings: MqttSettings,
        topics: Sequence[str] = (),
        *,
        backoff: Backoff = _BACKOFF,
        most_bytes: int = MOST_BYTES,
        lasting: bool = True,
        beginnings: bool = False,
        let_in: LetIn | None = None,
    ) -> None:
        """`topics` to subscribe to; payloads of more than `most_bytes` are dropped, or cut where `beginnings` are
        wanted. `lasting`: the broker keeps the session while the device is away; otherwise it ends with the connection.
        `let_in`: as for `Certificates`. Nothing happens before `start`."""
        self._settings, self._backoff, self._most_bytes, self._lasting = settings, backoff, most_bytes, lasting
        self._beginnings, self._element = beginnings, broker_element(settings)
        self._limits = BrokerLimits(self._element)
        self._subscriptions, self._refusals, self._unanswered = Subscriptions(), 0, 0
        self._rivals, self._certificates = Rivals(client_id_of(settings)), Certificates(settings, let_in)
        self._asking_again: asyncio.TimerHandle | None = None
        self._line: Line | None = None
        self._session: Session | None = None
        self._outbox: deque[Publication] = deque()
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._watchers: list[asyncio.Queue[bool | None]] = []
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._run, daemon=True, name="mqtt-link")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = False
        self.why = "not started"
        """The reason why there is no connection with all subscriptions; "" when there is one, or is about to be one."""
        self.concern = ""
        """Why certificates that have replaced those of this connection are not in use; "" when there are none."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when `connected`, `why` or `concern` may have changed."""
        self._subscriptions.want(topics)

    async def __aenter__(self) -> MqttLink:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def broker(self) -> str:
        """The URL of the broker."""
        return self._settings.broker

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and all subscriptions are in force."""
        return self._up

    def start(self) -> None:
        """Begin to connect; goes on until `close`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Send DISCONNECT and end. Publishing that is not finished raises Unavailable."""
        self._stop.set()
        if self._line is not None:
            self._line.leave()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _CLOSE_S)
        if self._thread.is_alive():  # in a system call that nothing interrupts; it ends by itself
            log.warning("link is still connecting", extra={"fields": {"broker": self._element}})
        for outgoing in self._outbox:
            if not outgoing.done.done():
                outgoing.done.set_exception(Unavailable(self._element, "the link was closed"))
        self._outbox.clear()
        self._inbox.put_nowait(None)
        for watcher in self._watchers:
            watcher.put_nowait(None)

    def subscribe(self, *topics: str) -> None:
        """Subscribe to more topics, from now on and on every later connection; `connections` says when they are in
        force."""
        self._subscriptions.want(topics)
        if self._session is not None:
            missing = self._subscriptions.missing()
            self._session.ask(missing)
            self._up = self._up and not missing

    async def publish(self, topic: str, payload: bytes, qos: Literal[0, 1] = 1, retain: bool = False) -> None:
        """Return when the broker has the message; with QoS 0, when it was sent. Waits for a connection, for ever.

        Cancelled, it may be delivered nevertheless. Raises Refused when the broker does not take it (MQTT 5 only says
        so) and TooLarge when it is larger than the broker takes; Unavailable when the link is closed.
        """
        check_topic(topic, wildcards=False)
        if self._stop.is_set():
            raise Unavailable(self._element, "the link was closed")
        outgoing = Publication(topic, payload, qos, retain, asyncio.get_running_loop().create_future())
        self._outbox.append(outgoing)
        if self._session is not None:
            self._session.send(self._outbox)
        await outgoing.done

    async def messages(self) -> AsyncIterator[Message]:
        """Messages in order of arrival, for one consumer, until the link is closed."""
        while (message := await self._inbox.get()) is not None:
            yield message

    async def connections(self) -> AsyncIterator[bool]:
        """True when all subscriptions are in force (now, after each connecting, after `subscribe`), False when the
        connection is lost; until the link is closed."""
        changes: asyncio.Queue[bool | None] = asyncio.Queue()
        if self._up:
            changes.put_nowait(True)
        self._watchers.append(changes)
        try:
            while (connected := await changes.get()) is not None:
                yield connected
        finally:
            self._watchers.remove(changes)

    # ── in the event loop ──────────────────────────────────────────────────────────────────────────────────────

    def _heard(self, line: Line, event: Event) -> None:
        if isinstance(event, Accepted) and line is self._line:
            self._limits.most_bytes = event.most_bytes
            self._session = Session(line, event.window, self._limits)
        session = self._session
        if session is None or session.line is not line:
            return
        match event:
            case Accepted():
                self._begin(session, event.session_present)
            case Arrived():
                self._receive(session, event)
            case Published():
                self._unanswered = 0
                session.published(event, self._element)
                session.send(self._outbox)
            case Subscribed():
                self._subscribed(session.answered(event))

    def _begin(self, session: Session, session_present: bool) -> None:
        if not session_present:
            self._subscriptions.forget()
        self.why, self.concern = "", self._certificates.trouble
        fields = {"broker": self._element, "session": "kept" if session_present else "new"}
        log.info("connected to the broker", extra={"fields": fields})
        session.ask(self._subscriptions.missing())
        session.send(self._outbox)
        asyncio.get_running_loop().call_later(STEADY_S, self._has_held, session)
        self._watch_answers(session)
        self._rise()

    def _has_held(self, session: Session) -> None:
        if session is self._session:
            session.is_steady = True
            session.send(self._outbox)

    def _watch_answers(self, session: Session) -> None:
        """End a connection on which the broker has left something unanswered for too long."""
        if session is not self._session:
            return
        limit_s = longest_answer_s(self._settings.keep_alive, self._unanswered)
        if session.unanswered_s() > limit_s:
            self._unanswered += 1
            session.line.give_up(UNANSWERED)
        else:
            asyncio.get_running_loop().call_later(limit_s / 4, self._watch_answers, session)

    def _subscribed(self, answers: Sequence[tuple[str, bool]]) -> None:
        for topic in self._subscriptions.answered(answers):
            log.error("subscription refused", extra={"fields": {"broker": self._element, "topic": topic}})
        if any(refused for _, refused in answers):
            self.why = f"the broker refuses the subscription to {', '.join(self._subscriptions.refused)}"
            self._ask_later()
            self.on_change()
        self._rise()

    def _rise(self) -> None:
        if not self._subscriptions.missing() and not self._up:
            self._up, self._refusals, self.why = True, 0, ""
            self._tell_watchers()

    def _ask_later(self) -> None:
        """Ask again for refused subscriptions: rights may be given during a connection, and not every broker ends
        connections then."""
        if self._asking_again is None and self._loop is not None and not self._stop.is_set():
            self._refusals += 1
            self._asking_again = self._loop.call_later(next_try_s(self._backoff, self._refusals), self._ask_again)

    def _ask_again(self) -> None:
        self._asking_again = None
        if self._session is not None:
            self._session.ask(self._subscriptions.missing())

    def _tell_watchers(self) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(self._up)
        self.on_change()

    def _receive(self, session: Session, arrived: Arrived) -> None:
        done = session.delivery(arrived.mid)
        most_bytes = 0 if self._beginnings else self._most_bytes
        why = unwanted(arrived, self._subscriptions.topics, most_bytes, self._inbox.qsize())
        if why:
            fields = {"why": why, "topic": arrived.topic or "", "bytes": arrived.size}
            log.warning("message dropped", extra={"fields": {"broker": self._element, **fields}})
            done()
        else:
            self._inbox.put_nowait(message_of(arrived, self._most_bytes, done))

    def _begun(self, line: Line) -> None:
        self._line = line
        if self._stop.is_set():
            line.leave()

    def _ended(self, line: Line, why: str, wait_s: float) -> None:
        session, self._session, self._line = self._session, None, None
        line.release()
        if self._asking_again is not None:
            self._asking_again.cancel()
            self._asking_again = None
        under_way: list[Publication] = []
        if session is not None:
            under_way = session.end(by_broker=not self._stop.is_set() and why not in (SILENT, UNANSWERED))
            self._outbox.extendleft(reversed(under_way))
        # an end with messages under way may belong to one of them
        why = self._rivals.reason(why, line.held_s, counts=not under_way)
        fields = {"broker": self._element, "why": why, "retry_s": round(wait_s, 1)}
        if self._up:
            self._up = False
            self._tell_watchers()
        if self._stop.is_set():
            log.info("left the broker", extra={"fields": {"broker": self._element}})
        elif why == RENEWED:
            log.info("connecting anew", extra={"fields": {"broker": self._element, "why": why}})
        elif session is not None or why != self.why:
            log.warning("no connection to the broker", extra={"fields": fields})
        else:
            log.debug("still no connection to the broker", extra={"fields": fields})
        self.why = why
        self.on_change()

    def _replaced(self, line: Line, why: str) -> None:
        """The certificates of a connection were replaced: by others, or by some that cannot be used, for a reason."""
        self.concern = why or self._certificates.trouble
        if why:
            log.warning("new certificates cannot be used", extra={"fields": {"broker": self._element, "why": why}})
        elif self._session is not None and self._session.line is line:
            self._session.finish()
        self.on_change()

    # ── in the thread ──────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        assert self._loop is not None
        failures = 0
        while not self._stop.is_set():
            line = Line(self._settings, self._most_bytes, self._tell, self._lasting)
            try:
                access = self._certificates.access()
                self._call(self._begun, line)
                why = line.run(access, self._stop, self._look)
                self._certificates.note_end(line, why)
            except EvenkeelError as error:
                why = error.message
            except Exception as error:  # noqa: BLE001 - the loop is told, and the connection tried again
                why = f"internal error: {type(error).__name__}"
                self._call(self._loop.call_exception_handler, {"message": _BROKE, "exception": error})
            failures = 1 if line.held_s > HELD_S else failures + 1
            wait_s = 0.0 if why == RENEWED else next_try_s(self._backoff, failures)
            if not self._call(self._ended, line, why, wait_s):
                line.release()
                return
            self._stop.wait(wait_s)

    def _look(self, line: Line, access: Access) -> None:
        """With a session that ends with its connection, messages would be lost for it."""
        why = self._certificates.look(access) if self._lasting else None
        if why is not None:
            self._call(self._replaced, line, why)

    def _tell(self, line: Line, event: Event) -> None:
        self._certificates.note(line, event)
        self._call(self._heard, line, event)

    def _call(self, act: Callable[..., None], *values: object) -> bool:
        """Have `act` called in the event loop; False when there is none any more."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(act, *values)
        except RuntimeError:
            return False
        return True
