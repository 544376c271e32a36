"""Frames: bytes to fields and back, and the checks of one who trusts nobody.

Sections named here are those of frame/PROTOCOL.md.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

import inflate

VERSION = 1
HEADER = struct.Struct("<IBBBBBBHIQqQ")
DEFAULT_LIMIT = 1 << 20


class Type(IntEnum):
    """Section "Types"."""

    HELLO = 1
    WELCOME = 2
    SUBSCRIBE = 3
    UNSUBSCRIBE = 4
    ACK = 5
    PUBLISH = 6
    STREAM = 7
    GAP = 8
    REQUEST = 9
    REPLY = 10
    CANCEL = 11
    NO_RESPONDER = 12
    RESPONDER_DIED = 13
    ERROR = 14
    PING = 15
    PONG = 16
    DRAIN = 17
    GOODBYE = 18


S2, ZSTD, RETAIN, FAILED, REDELIVERED, DRAIN = 1, 2, 4, 8, 16, 32  # flags
COMPRESSED = S2 | ZSTD
ADMITTED = {
    Type.UNSUBSCRIBE: DRAIN,
    Type.PUBLISH: COMPRESSED | RETAIN | REDELIVERED,
    Type.REQUEST: COMPRESSED,
    Type.REPLY: COMPRESSED | FAILED,
}

CODES = {
    0: "none",
    1: "version", 2: "type", 3: "length", 4: "too-large", 5: "flags", 6: "priority", 7: "topic", 8: "extension",
    9: "inflate", 10: "body", 11: "unexpected", 20: "reserved", 21: "denied", 22: "pattern", 23: "subscription",
    24: "limit", 25: "rate", 26: "memory", 30: "no-responder", 31: "responder-died", 32: "deadline", 33: "failed",
    34: "overloaded", 40: "shutdown", 41: "handshake", 42: "heartbeat", 43: "slow", 50: "internal",
}  # fmt: skip


class Incomplete(Exception):
    """The bytes are the beginning of a frame: read on."""


class Fault(Exception):
    """What is wrong with a frame, by the name of its code (section "Codes")."""

    def __init__(self, code: str, lost: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.lost = lost  # nobody knows where the next frame begins


@dataclass(slots=True)
class Frame:
    """One frame: the fields of its header, then topic, extension and payload."""

    type: int
    topic: bytes = b""
    payload: bytes = b""
    id: int = 0
    flags: int = 0
    priority: int = 5
    content: int = 0
    source: int = 0
    time: int = 0
    sequence: int = 0
    extension: bytes = b""

    def encode(self) -> bytes:
        length = HEADER.size + len(self.topic) + len(self.extension) + len(self.payload)
        head = HEADER.pack(
            length, VERSION, self.type, self.flags, self.priority, len(self.topic), self.content,
            len(self.extension), self.source, self.id, self.time, self.sequence,
        )  # fmt: skip
        return head + self.topic + self.extension + self.payload


def decode(data: bytes | bytearray, limit: int = DEFAULT_LIMIT) -> tuple[Frame, int]:
    """Returns the first frame of data and its length. The order of the checks is that of "Decoding"."""
    if len(data) < 5:
        raise Incomplete
    length = int.from_bytes(data[:4], "little")
    if data[4] != VERSION:
        raise Fault("version", lost=True)
    if length < HEADER.size:
        raise Fault("length", lost=True)
    if length > limit:
        raise Fault("too-large", lost=True)
    if len(data) > 8 and HEADER.size + data[8] > length:
        raise Fault("length", lost=True)
    if len(data) > 11 and HEADER.size + data[8] + int.from_bytes(data[10:12], "little") > length:
        raise Fault("length", lost=True)
    if len(data) < length:
        raise Incomplete
    _, _, kind, flags, priority, topic, content, extension, source, id, time, sequence = HEADER.unpack_from(data)
    if kind not in Type.__members__.values():
        raise Fault("type")
    if flags & ~ADMITTED.get(Type(kind), 0) or flags & COMPRESSED == COMPRESSED:
        raise Fault("flags")
    if priority > 10:
        raise Fault("priority")
    behind = HEADER.size + topic
    return Frame(
        Type(kind), bytes(data[HEADER.size : behind]), bytes(data[behind + extension : length]), id, flags, priority,
        content, source, time, sequence, bytes(data[behind : behind + extension]),
    ), length  # fmt: skip


# Topics


TOPIC = re.compile(rb"[a-z0-9_-]+(\.[a-z0-9_-]+){0,7}")


def check_topic(topic: bytes) -> None:
    """Section "Topics and patterns"."""
    if len(topic) > 255 or not TOPIC.fullmatch(topic):
        raise Fault("topic")


# Extension


BOUNDS = {1: 256, 2: 256, 3: 256, 5: 128, 7: 256}
SIZES = {4: 8, 8: 4, 10: 8}
PAIRS = (6, 9)
DEADLINE = 10


def entries(extension: bytes) -> list[tuple[int, bytes]]:
    """The tags and values of a checked extension (section "Extension")."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(extension):
        if len(extension) - at < 3:
            raise Fault("extension")
        tag, size = struct.unpack_from("<BH", extension, at)
        value = extension[at + 3 : at + 3 + size]
        if len(value) < size or size > BOUNDS.get(tag, size) or size != SIZES.get(tag, size):
            raise Fault("extension")
        if tag in PAIRS and not (value and 1 <= value[0] <= 128 and 0 <= size - 1 - value[0] <= 1024):
            raise Fault("extension")
        found.append((tag, value))
        at += 3 + size
    seen = [tag for tag, _ in found]
    if any(seen.count(tag) > 1 for tag in (*BOUNDS, *SIZES)) or any(seen.count(tag) > 64 for tag in PAIRS):
        raise Fault("extension")
    return found


def extension(found: list[tuple[int, bytes]]) -> bytes:
    """The bytes of entries."""
    return b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in found)


# Payloads


STREAM = struct.Struct("<QQB")
GAP = struct.Struct("<QQQQQBB")
NOT_INFLATED = 7  # a reason


@dataclass(frozen=True, slots=True)
class Gap:
    """What a subscription lost (section "Payloads")."""

    subscription: int
    first: int
    last: int
    count: int
    bytes: int
    lane: int
    reason: int


def gap(payload: bytes) -> Gap:
    if len(payload) < GAP.size:
        raise Fault("body")
    body = Gap(*GAP.unpack_from(payload))
    places = body.last - body.first + 1
    if places < 1 or body.lane > 1 or body.count != places and (places, body.count) != (1, 0):
        raise Fault("body")
    return body


def stream(payload: bytes) -> tuple[int, int, int]:
    """The subscription, the number of its next frame, and the lane."""
    if len(payload) < STREAM.size or payload[16] > 1:
        raise Fault("body")
    return STREAM.unpack_from(payload)


def fatal(payload: bytes) -> bool:
    """Whether the sender of an error closes the connection."""
    return payload[2:3] == b"\1"


def coded(payload: bytes, at: int = 2) -> tuple[int, str]:
    """Code and text of a goodbye, a failure, or (at 3) an error."""
    if len(payload) < at or len(payload) - at > 1024 or (at == 3 and payload[2] > 1):
        raise Fault("body")
    try:
        return int.from_bytes(payload[:2], "little"), payload[at:].decode()
    except UnicodeDecodeError:
        raise Fault("body") from None


def json_object(payload: bytes, limit: int, kinds: dict[str, type]) -> dict[str, Any]:
    """A JSON object whose known keys have values of the given kinds; those that are null are left out."""
    try:
        value: Any = json.loads(payload.decode())
    except ValueError:
        raise Fault("body") from None
    if len(payload) > limit or not isinstance(value, dict):
        raise Fault("body")
    found = {key: held for key, held in cast(dict[str, Any], value).items() if held is not None}
    if any(key in found and not isinstance(found[key], kind) for key, kind in kinds.items()):
        raise Fault("body")
    return found


def hello(payload: bytes) -> dict[str, Any]:
    kinds = {"name": str, "version": int, "role": str, "features": list, "budget_ns": int}
    value = json_object(payload, 16384, kinds)
    if value.get("version", 0) < 1:
        raise Fault("version")
    return value


def welcome(payload: bytes) -> dict[str, Any]:
    kinds = {
        "source": int, "broker": str, "version": int, "features": list, "max_message_size": int,
        "max_connections": int, "max_queued": int, "heartbeat_ms": int, "urgent": list,
    }  # fmt: skip
    value = json_object(payload, 16384, kinds)
    if value.get("version") != VERSION:
        raise Fault("version")
    if value.get("max_message_size", 0) < HEADER.size:
        raise Fault("body")
    return value


def check(frame: Frame, limit: int = DEFAULT_LIMIT) -> bytes:
    """Checks what decode does not look at: topic, extension, payload. Returns the payload, inflated."""
    kind = frame.type
    if kind in (Type.PUBLISH, Type.REQUEST):
        check_topic(frame.topic)
    elif frame.topic:
        raise Fault("topic")
    if frame.extension and kind not in (Type.PUBLISH, Type.REQUEST, Type.REPLY):
        raise Fault("extension")
    entries(frame.extension)
    payload = inflated(frame, limit)
    match kind:
        case Type.HELLO:
            hello(payload)
        case Type.WELCOME:
            welcome(payload)
        case Type.SUBSCRIBE:
            json_object(payload, 65536, {"topic_patterns": list})
        case Type.ACK if len(payload) < 8:
            raise Fault("body")
        case Type.STREAM:
            stream(payload)
        case Type.GAP:
            gap(payload)
        case Type.ERROR:
            coded(payload, 3)
        case Type.GOODBYE:
            coded(payload)
        case Type.REPLY if frame.flags & FAILED:
            coded(payload)
        case _:
            pass
    return payload


def inflated(frame: Frame, limit: int) -> bytes:
    """The payload as the sender meant it (section "Compression")."""
    room = limit - HEADER.size - len(frame.topic) - len(frame.extension)
    try:
        if frame.flags & S2:
            return inflate.s2(frame.payload, room)
        if frame.flags & ZSTD:
            return inflate.zstd(frame.payload, room)
    except inflate.TooLarge:
        raise Fault("too-large") from None
    except inflate.Corrupt:
        raise Fault("inflate") from None
    return frame.payload
