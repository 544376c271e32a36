"""The optional parts of the protocol: credit, confirm and clocks. python_test.go plays a broker that has them."""

from __future__ import annotations

from bus import Client, Message, now_ns
from vectors import expect
from wire import Gap

DAY = 86_400 * 10**9


def run(path: str) -> int:
    with Client(path, features=["s2", "credit", "confirm"]) as client:
        if abs(client.offset - DAY) > DAY // 2:
            raise AssertionError(f"the broker's clock is ahead by {client.offset} ns, want a day")
        subscription = client.subscribe("go.#", queue=4)
        for number in range(2):
            message = client.next()
            if not isinstance(message, Message):
                raise AssertionError(f"got {message}, want a message")
            expect((message.subscription, message.number), (subscription, number))
            if abs(message.published - now_ns()) > DAY // 2:
                raise AssertionError(f"published at {message.published}, which is on the broker's clock")
        lost = client.next()
        expect(isinstance(lost, Gap), True)
        ack = client.confirm("a.b", b"hello")
        expect((ack.sequence, ack.matched), (7, 3))
        client.unsubscribe(subscription)
    print("ok credit, confirm, clocks")
    return 0
