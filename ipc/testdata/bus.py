"""A client of the broker, written from frame/PROTOCOL.md alone; sections named here are those of that document.

The client has one thread: what comes in is handled while it waits for something. It keeps what its subscriptions get
until the program takes it. So it is for tools and tests, and not for a program that leaves a stream unread.
"""

from __future__ import annotations

import contextlib
import json
import math
import socket
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import handshake
import wire
from wire import Ack, Credit, Fault, Frame, Gap, Type

GIVE_UP = 30.0  # seconds that one call waits


@dataclass(frozen=True, slots=True)
class Message:
    """A publish or request frame, with its place in its stream (section "Messages")."""

    subscription: int
    lane: int
    number: int
    frame: Frame
    payload: bytes  # inflated
    published: int  # when, on the clock of this process

    @property
    def topic(self) -> str:
        return self.frame.topic.decode()


Responder = Callable[[Message], bytes]


@dataclass(slots=True)
class Counter:
    """What was consumed and lost of a subscription and lane, and how much of it the broker does not know."""

    total: Credit
    window: int = 0
    unreported: int = 0
    asked: int = 0  # the broker wants a report at so many; 0: at none


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def clock_offset(sent: int, received: int, broker: int) -> int:
    """How far the broker's clock is ahead of this one (section "Clocks")."""
    trip = received - sent
    offset = broker - (sent + trip // 2)
    return offset if broker and abs(offset) > trip else 0


class BrokerError(Exception):
    """What was refused, and why (section "Codes")."""

    def __init__(self, code: int, text: str = "") -> None:
        name = "application" if code >= 1024 else wire.CODES.get(code, "internal")
        super().__init__(f"{name} ({code}): {text}" if text else f"{name} ({code})")
        self.code = code
        self.text = text


class Goodbye(BrokerError):
    """The end of the connection, which one of the two sides means."""


class Client:
    """One connection (section "A connection")."""

    def __init__(self, path: str, name: str = "python", features: Collection[str] = ("credit", "confirm", "settle"), role: str = "example") -> None:
        self.inbox: deque[Message | Gap] = deque()  # what subscriptions got and the program has not taken
        self.errors: deque[tuple[int, BrokerError]] = deque()  # refusals that no call waits for, with the id refused
        self.pings = 0  # the broker's, answered
        self.heartbeat = 0.0  # seconds; 0: none
        self._answers: dict[int, Frame] = {}
        self._awaited: set[int] = set()
        self._responders: dict[int, Responder] = {}
        self._last_id = 0
        self._stream = (0, 0, 0)  # subscription, number and lane of the next message
        self._draining = False
        self._buffer = bytearray()
        self._limit = wire.FIRST_LIMIT
        self.offset = 0  # nanoseconds that the broker's clock is ahead (section "Clocks")
        self._credits: dict[tuple[int, int], Counter] = {}  # by subscription and lane
        self._reported = 0.0  # when credits were sent for statistics
        self._sent = self._received = time.monotonic()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
            self.welcome = self._handshake(name, features, role)
        except BaseException:
            self._socket.close()
            raise
        self._limit = self.welcome["max_message_size"]
        self.heartbeat = self.welcome.get("heartbeat_ms", 0) / 1000

    def _handshake(self, name: str, features: Collection[str], role: str) -> dict[str, Any]:
        sent = now_ns()
        hello = {"name": name, "version": wire.VERSION, "role": role, "features": list(features), "clock_ns": sent}
        with contextlib.suppress(BrokenPipeError):  # it was refused before it spoke, and reads why
            self.send(Frame(Type.HELLO, payload=json.dumps(hello).encode(), content=2))
        answer = self.receive(time.monotonic() + GIVE_UP)
        if answer.type != Type.WELCOME:
            raise Fault("unexpected")
        welcome = handshake.welcome(answer.payload)
        self.offset = clock_offset(sent, now_ns(), welcome.get("clock_ns", 0))
        return welcome

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, code: int = 0) -> None:
        """Ends the connection at once, with a goodbye where the broker still listens."""
        with contextlib.suppress(OSError):
            self.send(Frame(Type.GOODBYE, payload=code.to_bytes(2, "little")))
        self._socket.close()

    def drain(self) -> Goodbye:
        """Takes what is queued into the inbox, and returns the broker's goodbye."""
        self._report(0)
        self.send(Frame(Type.DRAIN))
        self._draining = True
        try:
            while True:
                self.step()
        except Goodbye as goodbye:
            return goodbye
        finally:
            self._socket.close()

    # Frames

    def next_id(self) -> int:
        """An id that nothing else of this connection has, so that an error names one thing only."""
        self._last_id += 1
        return self._last_id

    def send(self, frame: Frame) -> int:
        """Writes a frame, and returns its id."""
        frame.time = frame.time or now_ns() + self.offset
        self.write(frame.encode())
        return frame.id

    def write(self, data: bytes) -> None:
        self._socket.settimeout(GIVE_UP)
        self._socket.sendall(data)
        self._sent = time.monotonic()

    def receive(self, until: float) -> Frame:
        """The next frame that this version knows. A goodbye is raised, and so is a fatal error."""
        while True:
            try:
                frame, length = wire.decode(self._buffer, self._limit)
            except wire.Incomplete:
                self._read(until)
                continue
            except Fault as fault:
                if fault.lost:
                    raise
                del self._buffer[: int.from_bytes(self._buffer[:4], "little")]  # of a later version
                continue
            del self._buffer[:length]
            if frame.type == Type.GOODBYE:
                raise Goodbye(*wire.coded(frame.payload))
            if frame.type == Type.ERROR and wire.fatal(frame.payload):
                raise Goodbye(*wire.coded(frame.payload, 3))
            return frame

    def _read(self, until: float) -> None:
        """Waits for bytes, or for the time to do something else (section "A connection", Heartbeats)."""
        now = time.monotonic()
        wake = until
        if self.heartbeat and not self._draining:
            dead = self._received + 3 * self.heartbeat
            if now >= dead:
                self.close(42)
                raise Goodbye(42, "the broker sent nothing for too long")
            if now >= self._sent + self.heartbeat:
                self.send(Frame(Type.PING, id=self.next_id()))
            wake = min(until, dead, self._sent + self.heartbeat)
        if now >= until:
            raise TimeoutError("no answer in time")
        self._socket.settimeout(None if wake == math.inf else max(wake - now, 0.001))
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return
        if not data:
            raise EOFError("the connection ended without a goodbye")
        self._received = time.monotonic()
        self._buffer += data

    def step(self, seconds: float = GIVE_UP) -> None:
        """Handles one frame (section "A client in ten steps", steps 6 and 7)."""
        frame = self.receive(time.monotonic() + seconds)
        match frame.type:
            case Type.STREAM:
                self._stream = wire.stream(frame.payload)
            case Type.PUBLISH | Type.REQUEST:
                self._take(frame)
            case Type.GAP:
                self.inbox.append(wire.gap(frame.payload))
            case Type.CREDIT:
                self._asked(wire.credit(frame.payload))
            case Type.PING if not self._draining:
                self.send(Frame(Type.PONG, id=frame.id, time=frame.time))
                self.pings += 1
            case _ if frame.id in self._awaited:
                self._answers[frame.id] = frame
            case Type.ERROR:
                self.errors.append((frame.id, BrokerError(*wire.coded(frame.payload, 3))))
            case _:
                pass  # an answer that nobody waits for any more, or nothing for a client

    def _take(self, frame: Frame) -> None:
        """Hands a message to the subscription that the last stream frame named."""
        subscription, number, lane = self._stream
        self._stream = (subscription, number + 1, lane)
        try:
            payload = wire.inflated(frame, self._limit)
        except Fault:  # its sender's, and no reason to end the connection
            length = len(frame.encode())
            self.inbox.append(Gap(subscription, number, number, 1, length, lane, wire.NOT_INFLATED))
            self._settled(subscription, lane, lost=length)
            return
        message = Message(subscription, lane, number, frame, payload, frame.time - self.offset)
        if frame.type == Type.REQUEST:
            self._respond(message)
            self._settled(subscription, lane, consumed=len(frame.encode()))
        else:
            self.inbox.append(message)

    def ask(self, frame: Frame, seconds: float = GIVE_UP) -> Frame:
        """Sends a frame and waits for the one that answers it; a refusal is raised."""
        until = time.monotonic() + seconds
        self._awaited.add(frame.id)
        try:
            self.send(frame)
        except BaseException:
            self._awaited.discard(frame.id)
            raise
        return self._answer(frame.id, until)

    def _answer(self, asked: int, until: float) -> Frame:
        """Waits for the answer to what was sent with that id."""
        try:
            while asked not in self._answers:
                self.step(until - time.monotonic())
        finally:
            self._awaited.discard(asked)
        answer = self._answers.pop(asked)
        match answer.type:
            case Type.ERROR:
                raise BrokerError(*wire.coded(answer.payload, 3))
            case Type.NO_RESPONDER:
                raise BrokerError(30)
            case Type.RESPONDER_DIED:
                raise BrokerError(31)
            case _:
                return answer

    # Messages

    def publish(self, topic: str, payload: bytes, **fields: Any) -> int:
        """Publishes, and returns the id that an error would name (section "Messages")."""
        return self.send(Frame(Type.PUBLISH, topic.encode(), payload, self.next_id(), **fields))

    def confirm(self, topic: str, payload: bytes, flags: int = 0, **fields: Any) -> Ack:
        """Publishes, and returns how many subscriptions the message was for (section "Messages")."""
        if "confirm" not in self.welcome.get("features", ()):
            raise BrokerError(11, "the broker does not confirm")
        frame = Frame(Type.PUBLISH, topic.encode(), payload, self.next_id(), flags | wire.CONFIRM, **fields)
        return wire.ack(self.ask(frame).payload)

    def settle(self, topic: str, publisher: int, flags: int = 0) -> int:
        """Asks what became of what was published on a topic (section "Settling"); settled waits for the answer."""
        frame = Frame(Type.SETTLE, topic.encode(), wire.SETTLE.pack(publisher), self.next_id(), flags)
        self._awaited.add(frame.id)
        return self.send(frame)

    def settled(self, settle: int, seconds: float = GIVE_UP) -> wire.Settled:
        """The answer to a settle."""
        return wire.settled(self._answer(settle, time.monotonic() + seconds).payload)

    def flush(self) -> None:
        """Returns when all that was sent before is routed (section "A connection", Flush)."""
        self.ask(Frame(Type.PING, id=self.next_id()))

    def next(self) -> Message | Gap:
        """The next message or gap of any subscription."""
        while not self.inbox:
            self.step()
        got = self.inbox.popleft()
        if isinstance(got, Message):
            self._settled(got.subscription, got.lane, consumed=len(got.frame.encode()))
        return got

    # Credit

    def _settled(self, subscription: int, lane: int, consumed: int | None = None, lost: int | None = None) -> None:
        """Counts a message by the length of its frame, and reports where that is due (section "Credit")."""
        if "credit" not in self.welcome.get("features", ()):
            return
        counter = self._credits.setdefault((subscription, lane), Counter(Credit(subscription, lane=lane)))
        total = counter.total
        if consumed is not None:
            total.consumed, total.consumed_bytes = total.consumed + 1, total.consumed_bytes + consumed
        if lost is not None:
            total.lost, total.lost_bytes = total.lost + 1, total.lost_bytes + lost
        counter.unreported += 1
        if counter.window and counter.unreported >= (counter.window + 1) // 2:
            self._send_credit(counter)
        self._answer_ask(counter)
        self._report(1)

    def _asked(self, ask: Credit) -> None:
        """The broker wants a report, because a publisher waits (section "Settling")."""
        counter = self._credits.get((ask.subscription, ask.lane))
        if counter:
            counter.asked = ask.consumed
            self._answer_ask(counter)

    def _answer_ask(self, counter: Counter) -> None:
        if counter.asked and counter.total.consumed + counter.total.lost >= counter.asked:
            counter.asked = 0
            if counter.unreported:
                self._send_credit(counter)

    def _send_credit(self, counter: Counter) -> None:
        self.send(Frame(Type.CREDIT, payload=counter.total.encode(), id=counter.total.subscription))
        counter.unreported = 0

    def _report(self, seconds: float) -> None:
        """Reports what has changed, for statistics, if the last time is so long ago."""
        if not self._draining and time.monotonic() >= self._reported + seconds:
            self._reported = time.monotonic()
            for counter in self._credits.values():
                if counter.unreported:
                    self._send_credit(counter)

    # Subscriptions

    def subscribe(self, *patterns: str, responder: Responder | None = None, **spec: Any) -> int:
        """Subscribes, and returns the subscription when it is in force (section "Subscriptions")."""
        spec["topic_patterns"] = list(patterns)
        subscription = self.next_id()
        if responder:
            spec["respond"] = True
            self._responders[subscription] = responder
        counter = self._credits[subscription, 0] = Counter(Credit(subscription))
        answer = self.ask(Frame(Type.SUBSCRIBE, payload=json.dumps(spec).encode(), id=subscription, content=2))
        counter.window = wire.ack(answer.payload).window
        return subscription

    def unsubscribe(self, subscription: int) -> None:
        """Ends a subscription; what was on its way is in the inbox."""
        self._report(0)
        self.ask(Frame(Type.UNSUBSCRIBE, id=subscription))
        for lane in (0, 1):
            self._credits.pop((subscription, lane), None)
        self._responders.pop(subscription, None)

    # Requests

    def request(self, target: str, payload: bytes = b"", seconds: float = GIVE_UP) -> bytes:
        """Sends a request to the responder of target, and returns the reply (section "Requests")."""
        deadline = now_ns() + self.offset + int(seconds * 1e9)
        entry = wire.extension([(wire.DEADLINE, deadline.to_bytes(8, "little"))])
        question = Frame(Type.REQUEST, target.encode(), payload, self.next_id(), extension=entry)
        try:
            answer = self.ask(question, seconds)
        except TimeoutError:
            self.send(Frame(Type.CANCEL, id=question.id))
            raise
        body = wire.inflated(answer, self._limit)
        if answer.flags & wire.FAILED:
            raise BrokerError(*wire.coded(body))
        return body

    def _respond(self, question: Message) -> None:
        """Answers a request; an exception of the responder becomes a failed reply."""
        flags = 0
        try:
            body = self._responders[question.subscription](question)
        except Exception as failure:  # whatever it was, the requester gets it as a failure
            flags, body = wire.FAILED, (33).to_bytes(2, "little") + str(failure).encode()[:1024]
        asked = question.frame
        self.send(Frame(Type.REPLY, payload=body, id=asked.id, flags=flags, source=asked.source))
