"""What holds of every broker and of every client.

Each function is one check, named after the section of frame/PROTOCOL.md that it is about. They need a partner on the
same broker, which python_test.go is: it responds to the targets below "partner" and publishes what it is asked to.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vectors
import wire
from bus import BrokerError, Client, Message
from vectors import expect
from wire import Frame, Gap, Type


def refused(code: str | int, call: Callable[[], Any]) -> BrokerError:
    """Calls, and expects a refusal with that code, or the code of that name."""
    try:
        result = call()
    except BrokerError as error:
        expect(wire.CODES.get(error.code, error.code), code)
        return error
    raise AssertionError(f"got {result!r}, want the error {code}")


def take(client: Client, count: int) -> list[Message]:
    """The next messages; a gap among them is a fault."""
    got: list[Message] = []
    for _ in range(count):
        message = client.next()
        if isinstance(message, Gap):
            raise AssertionError(f"got {message}, want a message")
        got.append(message)
    return got


def take_gap(client: Client) -> Gap:
    got = client.next()
    if isinstance(got, Message):
        raise AssertionError(f"got {got}, want a gap")
    return got


def publish(client: Client, topic: str, count: int, size: int = 8, compress: bool = False) -> None:
    """Has the partner publish messages of size bytes, which begin with their number; returns when they are routed."""
    order = {"topic": topic, "count": count, "size": size, "compress": compress}
    client.request("partner.publish", json.dumps(order).encode())


# Section "A connection"


def handshake(path: str) -> None:
    with Client(path) as one, Client(path) as other:
        expect(one.welcome["version"], wire.VERSION)
        for key in ("max_requests", "max_subscriptions", "clock_ns"):
            if one.welcome[key] <= 0:
                raise AssertionError(f"welcome has {key} {one.welcome[key]}")
        for key in ("publish", "subscribe", "request", "respond"):
            expect(one.welcome[key], ["#"])
        if one.welcome["source"] == other.welcome["source"]:
            raise AssertionError("two connections with one id")
    with Client(path, features=["s2", "lz77"]) as one:
        expect(one.welcome["features"], ["s2"])
    with Client(path, features=["confirm", "s2", "credit"]) as one:
        expect(sorted(one.welcome["features"]), ["confirm", "credit", "s2"])
    with Client(path) as one:
        expect(sorted(one.welcome["features"]), ["confirm", "credit", "settle"])


def flush(path: str) -> None:
    """What was sent before a ping is routed when its pong comes: a later subscription gets the retained value."""
    with Client(path) as one, Client(path) as other:
        one.publish("python.retained", b"last", flags=wire.RETAIN)
        one.flush()
        other.subscribe("python.retained", retained=True)
        expect(take(other, 1)[0].payload, b"last")
        expect(one.request("partner.take", b"1"), b'["last"]')


def goodbye(path: str) -> None:
    """Drain yields all that is queued, then goodbye."""
    with Client(path) as other:
        one = Client(path)
        one.subscribe("go.drain", queue=1000)
        publish(other, "go.drain", 1000, size=1000)
        expect(one.drain().code, 0)
        expect([int(got.payload[:8]) for got in take(one, len(one.inbox))], list(range(1000)))


# Section "Messages"


def from_go(path: str) -> None:
    with Client(path) as client:
        subscription = client.subscribe("go.#")
        publish(client, "go.hello.python", 3)
        got = take(client, 3)
        expect([(m.topic, int(m.payload)) for m in got], [("go.hello.python", n) for n in range(3)])
        expect([(m.subscription, m.lane, m.number) for m in got], [(subscription, 0, n) for n in range(3)])
        sequences = [m.frame.sequence for m in got]
        expect(sequences, sorted(set(sequences)))


def to_go(path: str) -> None:
    with Client(path) as client:
        for n in range(100):
            client.publish("python.hello.go", str(n).encode())
        expect(json.loads(client.request("partner.take", b"100")), [str(n) for n in range(100)])
        expect(len(client.errors), 0)


def streams(path: str) -> None:
    """Several subscriptions and both lanes on one connection: each has its own numbers, without a hole."""
    with Client(path) as client:
        wanted = {client.subscribe(f"go.s{n}", "urgent.+"): n for n in range(3)}
        every = client.subscribe("go.#")
        for _ in range(5):
            for n in range(3):
                publish(client, f"go.s{n}", 2)
            publish(client, "urgent.now", 1)
        got = take(client, 5 * (3 * 2 + 3 * 2 + 3))
        for subscription, n in wanted.items():
            bulk = [m for m in got if m.subscription == subscription and m.lane == 0]
            urgent = [m for m in got if m.subscription == subscription and m.lane == 1]
            expect([(m.topic, m.number) for m in bulk], [(f"go.s{n}", i) for i in range(10)])
            expect([(m.topic, m.number) for m in urgent], [("urgent.now", i) for i in range(5)])
        expect([m.number for m in got if m.subscription == every], list(range(30)))


def gaps(path: str) -> None:
    """A reader that does not read, with a small queue, misses what the gaps name and nothing else."""
    count = 5000
    for overflow, reason in (("drop-oldest", 1), ("drop-newest", 2)):
        with Client(path) as slow, Client(path) as other:
            slow.subscribe("go.flood", queue=16, overflow=overflow)
            publish(other, "go.flood", count, size=1000)
            delivered = lost = 0
            while delivered + lost < count:
                got = slow.next()
                if isinstance(got, Message):
                    expect((got.number, int(got.payload[:8])), (delivered + lost,) * 2)
                    delivered += 1
                else:
                    expect((got.first, got.last - got.first + 1), (delivered + lost, got.count))
                    expect((got.reason, got.lane, got.bytes), (reason, 0, got.count * (40 + len("go.flood") + 1000)))
                    lost += got.count
            expect(delivered + lost, count)
            if not lost:
                raise AssertionError("nothing was lost: the flood is too small for the socket's buffer")


def slow(path: str) -> None:
    """A subscriber that would rather be disconnected than miss anything."""
    with Client(path) as other:
        reader = Client(path)
        reader.subscribe("go.flood", queue=16, overflow="disconnect")
        publish(other, "go.flood", 5000, size=1000)

        def read() -> None:
            while True:
                reader.step()

        try:
            refused("slow", read)
        except (EOFError, ConnectionResetError):
            pass  # the socket had no room for the goodbye
        numbers = [got.number for got in reader.inbox if isinstance(got, Message)]
        expect(numbers, list(range(len(numbers))))


def confirm(path: str) -> None:
    """An ack says how many subscriptions have the message; they get it without the flag."""
    with Client(path) as one, Client(path) as other:
        nobody = one.confirm("go.sure", b"nobody", flags=wire.RETAIN)
        expect(nobody.matched, 0)
        every, some = other.subscribe("go.sure"), other.subscribe("go.+", event_filter={"min_priority": 9})
        group = [other.subscribe("go.#", group="workers") for _ in range(2)]
        first = one.confirm("go.sure", b"first")
        second = one.confirm("go.sure", b"second", priority=9)
        expect((first.matched, second.matched), (2, 3))
        if not nobody.sequence < first.sequence < second.sequence:
            raise AssertionError(f"the sequences are {nobody.sequence}, {first.sequence}, {second.sequence}")
        got = {(m.subscription in group or m.subscription, m.frame.sequence, m.frame.flags) for m in take(other, 5)}
        expect(got, {(every, first.sequence, 0), (True, first.sequence, 0), (every, second.sequence, 0),
                     (some, second.sequence, 0), (True, second.sequence, 0)})  # fmt: skip
        refused("reserved", lambda: one.confirm("system.x", b""))
        refused("topic", lambda: one.confirm("", b""))
    with Client(path, features=[]) as one:
        refused("flags", lambda: one.ask(Frame(Type.PUBLISH, b"go.sure", id=one.next_id(), flags=wire.CONFIRM)))
        one.flush()


# Section "Settling"


def settle(path: str) -> None:
    """Settled comes when the program has taken all, and says what was lost."""
    with Client(path) as one, Client(path) as other:
        subscription = other.subscribe("go.settle", queue=1000)  # without a window: it reports because it is asked
        begun = one.settled(one.settle("go.settle", 1))
        expect(begun, wire.Settled(1, 1000, 0, 0, True))
        for number in range(20):
            one.publish("go.settle", b"%d" % number)
        waits = one.settle("go.settle", 1)
        one.flush()
        take(other, 20)
        other.flush()  # the broker's question comes before the pong
        expect(one.settled(waits), wire.Settled(1, 1000, 0, 0, False))

        one.publish("go.settle", b"left behind")
        waits = one.settle("go.settle", 1)
        one.flush()
        other.unsubscribe(subscription)
        expect(one.settled(waits), wire.Settled(0, 0, 1, 1, False))
        refused("unexpected", lambda: one.settled(one.settle("go.other", 1)))
        refused("topic", lambda: one.settled(one.settle("", 2)))
        refused("reserved", lambda: one.settled(one.settle("system.x", 2)))
        one.settle("go.settle", 1, flags=wire.DRAIN)
        expect(one.settled(one.settle("go.other", 1)).begins, True)
        for number in range(2, 33):
            one.settled(one.settle("go.settle", number))
        refused("limit", lambda: one.settled(one.settle("go.settle", 33)))
    with Client(path, features=[]) as one:
        refused("unexpected", lambda: one.settled(one.settle("go.settle", 1)))


# Section "Subscriptions"


def filters(path: str) -> None:
    with Client(path) as one, Client(path) as other:
        other.subscribe("python.filter", event_filter={"pids": [4711], "min_priority": 3})
        for pid, priority in ((4711, 2), (4712, 5), (4711, 5)):
            entry = wire.extension([(8, pid.to_bytes(4, "little"))])
            one.publish("python.filter", b"%d %d" % (pid, priority), extension=entry, priority=priority)
        expect(take(other, 1)[0].payload, b"4711 5")
        one.request("partner.take", b"3")


def unsubscribe(path: str) -> None:
    with Client(path) as client:
        first, second = client.subscribe("go.news"), client.subscribe("go.news")
        publish(client, "go.news", 1)
        expect({m.subscription for m in take(client, 2)}, {first, second})
        client.unsubscribe(first)
        publish(client, "go.news", 1)
        expect([m.subscription for m in take(client, 1)], [second])
        client.unsubscribe(second)
        publish(client, "go.news", 1)
        client.flush()
        expect(list(client.inbox), [])


# Section "Requests"


def requester(path: str) -> None:
    with Client(path) as client:
        expect(client.request("partner.echo", b"question"), b"question")
        expect(refused(2000, lambda: client.request("partner.fail")).text, "not today")
        refused("no-responder", lambda: client.request("partner.nobody"))
        past = wire.extension([(wire.DEADLINE, (1).to_bytes(8, "little"))])
        late = Frame(Type.REQUEST, b"partner.echo", id=client.next_id(), extension=past)
        refused("deadline", lambda: client.ask(late))


def responder(path: str) -> None:
    def answer(question: Message) -> bytes:
        if question.payload == b"bad":
            raise ValueError("no answer")
        return b"re: " + question.payload

    with Client(path) as client:
        client.subscribe("python.target", responder=answer)
        # The partner asks us while we wait for its answer.
        expect(client.request("partner.ask", b"python.target good"), b"re: good")
        expect(client.request("partner.ask", b"python.target bad"), b"33 no answer")
        # So do we, of ourselves.
        expect(client.request("python.target", b"me"), b"re: me")


def responder_died(path: str) -> None:
    with Client(path) as one:
        other = Client(path)
        other.subscribe("python.dies", responder=lambda _: other.close() or b"")
        question = one.send(Frame(Type.REQUEST, b"python.dies", id=one.next_id()))
        with contextlib.suppress(OSError):  # its socket is closed when it would answer
            while True:
                other.step()
        while (frame := one.receive(math.inf)).id != question:
            pass
        expect(frame.type, Type.RESPONDER_DIED)


def cancel(path: str) -> None:
    with Client(path) as client:
        question = client.send(Frame(Type.REQUEST, b"partner.hang", id=client.next_id()))
        client.request("partner.hanging")
        client.send(Frame(Type.CANCEL, id=question))
        client.request("partner.cancelled")


# Section "Faults"


def faults(path: str) -> None:
    with Client(path) as client:

        def fault(code: str, frame: Frame) -> None:
            """Sends a frame, and expects an error with its id; the connection goes on."""
            frame.id = client.next_id()
            client.send(frame)
            while not client.errors:
                client.step()
            number, error = client.errors.popleft()
            expect((wire.CODES[error.code], number), (code, frame.id))
            client.flush()

        fault("topic", Frame(Type.PUBLISH, b"Bad.Topic"))
        fault("topic", Frame(Type.PUBLISH, b""))
        fault("reserved", Frame(Type.PUBLISH, b"system.x"))
        fault("extension", Frame(Type.PUBLISH, b"a", extension=b"x"))
        fault("topic", Frame(Type.REQUEST, b"a..b"))
        fault("type", Frame(99))
        fault("flags", Frame(Type.REQUEST, b"a", flags=wire.RETAIN))
        fault("priority", Frame(Type.PUBLISH, b"a", priority=11))
        fault("unexpected", Frame(Type.ACK, payload=bytes(8)))
        fault("unexpected", Frame(Type.HELLO, payload=b"{}"))
        refused("pattern", lambda: client.subscribe("a.#.b"))
        refused("pattern", lambda: client.subscribe("a.+", enable_wildcards=False))
        refused("subscription", lambda: client.subscribe())
        refused("subscription", lambda: client.subscribe("a", colour="blue"))
        client.flush()


def fatal(path: str) -> None:
    """What loses the stream ends the connection, with the reason."""
    for code, data in (("version", b"GET / HTTP/1.1"), ("length", b"\x05\0\0\0\1"), ("too-large", b"\0\0\0\x7f\1")):
        client = Client(path)
        client.write(data)
        refused(code, client.step)  # the error
        refused(code, client.step)  # the goodbye
        try:
            client.step()
        except EOFError:
            continue
        raise AssertionError("the connection goes on")


# Section "Compression"


def compression(path: str) -> None:
    want = b"00000000" + b"a" * 2000
    for features, flags in (([], 0), (["s2"], wire.S2)):
        with Client(path, features=features) as client:
            client.subscribe("go.large")
            publish(client, "go.large", 1, size=len(want), compress=True)
            got = take(client, 1)[0]
            expect((got.frame.flags, got.payload), (flags, want))
            # What cannot be inflated is lost, and nothing else.
            client.publish("go.large", b"no such block", flags=wire.S2)
            publish(client, "go.large", 1)
            lost = take_gap(client)
            expect((lost.first, lost.last, lost.count, lost.reason), (1, 1, 1, wire.NOT_INFLATED))
            expect(take(client, 1)[0].number, 2)


# Section "Hello and welcome"


def limit(path: str) -> None:
    """One connection too many is refused with the reason."""
    clients: list[Client] = []
    try:
        refused("limit", lambda: [clients.append(Client(path)) for _ in range(1000)])
        expect(clients[0].welcome["max_connections"] > len(clients), True)
    finally:
        for client in clients:
            client.close()


CHECKS: list[Callable[[str], None]] = [
    handshake, flush, from_go, to_go, confirm, settle, streams, gaps, filters, unsubscribe, requester, responder, responder_died,
    cancel, faults, fatal, compression, goodbye, slow, limit,
]  # fmt: skip


def run(path: str, folder: str) -> int:
    print(f"ok vectors ({vectors.run(Path(folder))})")
    for check in CHECKS:
        check(path)
        print("ok", check.__name__, flush=True)
    return 0


def heartbeat(path: str) -> int:
    """A client that answers pings is kept; one that does not is taken for dead."""
    with Client(path) as client:
        client.heartbeat = 0  # it sends no pings of its own
        while client.pings < 3:
            client.step()
        client.flush()
    print("ok pong", flush=True)
    client = Client(path)
    client.heartbeat = 0

    def send_nothing() -> None:
        while True:
            client.receive(math.inf)

    refused("heartbeat", send_nothing)
    print("ok silence")
    return 0
