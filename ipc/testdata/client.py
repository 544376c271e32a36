#!/usr/bin/env python3
"""The broker from plain Python: an example of a client written from frame/PROTOCOL.md alone.

    client.py sub SOCKET PATTERN            print what is published, until the broker goes
    client.py pub SOCKET TOPIC PAYLOAD      publish one message
    client.py conformance SOCKET VECTORS    what python_test.go runs: see conformance.py
    client.py heartbeat SOCKET              the same for a broker with a fast heartbeat
    client.py features SOCKET               the same for a broker with credit, confirm and another clock
    client.py operations SOCKET             the same for the agent's operations: see agent/control/PROTOCOL.md
    client.py collector SOCKET NAME         be an external collector of the agent
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import collector
import conformance
import features
import operations
from bus import BrokerError, Client, Goodbye, Message
from wire import Fault, Gap


def sub(path: str, pattern: str) -> int:
    with Client(path) as client:
        client.subscribe(pattern)
        print(f"# subscribed to {pattern}", flush=True)
        try:
            while True:
                client.step(math.inf)
                while client.inbox:
                    show(client.next())
        except Goodbye as goodbye:
            print(f"# goodbye: {goodbye}")
            return 0 if goodbye.code in (0, 40) else 1


def show(got: Message | Gap) -> None:
    if isinstance(got, Gap):
        print(f"# lost {got.count}: {got.first} to {got.last}, reason {got.reason}", flush=True)
    else:
        print(got.topic, got.payload.decode(errors="backslashreplace"), flush=True)


def pub(path: str, topic: str, payload: str) -> int:
    client = Client(path)
    client.publish(topic, payload.encode())
    client.drain()  # a refusal, if there is one, comes before the goodbye
    for _, error in client.errors:
        print(error, file=sys.stderr)
    return 1 if client.errors else 0


def main(args: list[str]) -> int:
    commands: dict[str, tuple[Callable[..., int], int]] = {
        "sub": (sub, 2),
        "pub": (pub, 3),
        "conformance": (conformance.run, 2),
        "heartbeat": (conformance.heartbeat, 1),
        "features": (features.run, 1),
        "operations": (operations.run, 1),
        "collector": (collector.run, 2),
    }
    command, count = commands.get(args[0] if args else "", (None, 0))
    if command is None or len(args) != 1 + count:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return command(*args[1:])
    except (BrokerError, Fault, operations.OperationError, OSError, EOFError) as failure:
        print(f"{args[0]}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
