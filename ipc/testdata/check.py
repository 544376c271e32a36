"""What decode does not look at: the checks of a reader that trusts nobody (section "Vectors")."""

from __future__ import annotations

import wire
from handshake import hello, json_object, welcome
from wire import DEFAULT_LIMIT, FAILED, Fault, Frame, Type


def check(frame: Frame, limit: int = DEFAULT_LIMIT) -> bytes:
    """Checks topic, extension and payload. Returns the payload, inflated."""
    kind = frame.type
    if kind in (Type.PUBLISH, Type.REQUEST, Type.SETTLE):
        wire.check_topic(frame.topic)
    elif frame.topic:
        raise Fault("topic")
    if frame.extension and kind not in (Type.PUBLISH, Type.REQUEST, Type.REPLY):
        raise Fault("extension")
    wire.entries(frame.extension)
    payload = wire.inflated(frame, limit)
    match kind:
        case Type.HELLO:
            hello(payload)
        case Type.WELCOME:
            welcome(payload)
        case Type.SUBSCRIBE:
            json_object(payload, 65536, {"topic_patterns": [str]})
        case Type.ACK:
            wire.ack(payload)
        case Type.CREDIT:
            wire.credit(payload)
        case Type.SETTLE:
            wire.settle(payload)
        case Type.SETTLED:
            wire.settled(payload)
        case Type.STREAM:
            wire.stream(payload)
        case Type.GAP:
            wire.gap(payload)
        case Type.ERROR:
            wire.coded(payload, 3)
        case Type.GOODBYE:
            wire.coded(payload)
        case Type.REPLY if frame.flags & FAILED:
            wire.coded(payload)
        case _:
            pass
    return payload
