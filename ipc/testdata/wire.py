"""Frames: bytes to fields and back.

Sections named here are those of frame/PROTOCOL.md.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum

import inflate

VERSION = 1
HEADER = struct.Struct("<IBBBBBBHIQqQ")
DEFAULT_LIMIT = 1 << 20
MAX_HANDSHAKE = 16384
FIRST_LIMIT = HEADER.size + MAX_HANDSHAKE  # of a frame, until welcome


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
    CREDIT = 19
    SETTLE = 20
    SETTLED = 21


S2, CONFIRM, RETAIN, FAILED, REDELIVERED, DRAIN = 1, 2, 4, 8, 16, 32  # flags
ADMITTED = {
    Type.UNSUBSCRIBE: DRAIN,
    Type.PUBLISH: S2 | CONFIRM | RETAIN | REDELIVERED,
    Type.REQUEST: S2,
    Type.REPLY: S2 | FAILED,
    Type.SETTLE: DRAIN,
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
    if flags & ~ADMITTED.get(Type(kind), 0):
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


ACK = struct.Struct("<QIII")
CREDIT = struct.Struct("<QQQQQB")
STREAM = struct.Struct("<QQB")
GAP = struct.Struct("<QQQQQBB")
SETTLE = struct.Struct("<Q")
SETTLED = struct.Struct("<IIQIB")
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


@dataclass(frozen=True, slots=True)
class Ack:
    """What came of a subscribe, an unsubscribe, or a publish that was to be confirmed (section "Payloads")."""

    sequence: int
    queue: int = 0
    window: int = 0
    matched: int = 0


def ack(payload: bytes) -> Ack:
    if len(payload) < 8:
        raise Fault("body")
    if len(payload) < ACK.size:
        return Ack(int.from_bytes(payload[:8], "little"))
    return Ack(*ACK.unpack_from(payload))


@dataclass(slots=True)
class Credit:
    """What became of the messages of a subscription and lane, in totals (section "Credit")."""

    subscription: int
    consumed: int = 0
    consumed_bytes: int = 0
    lost: int = 0
    lost_bytes: int = 0
    lane: int = 0

    def encode(self) -> bytes:
        counts = (self.consumed, self.consumed_bytes, self.lost, self.lost_bytes)
        return CREDIT.pack(self.subscription, *counts, self.lane)


def credit(payload: bytes) -> Credit:
    if len(payload) < CREDIT.size or payload[40] > 1:
        raise Fault("body")
    return Credit(*CREDIT.unpack_from(payload))


def settle(payload: bytes) -> int:
    """The number that the client gave the publisher."""
    if len(payload) < SETTLE.size:
        raise Fault("body")
    return SETTLE.unpack_from(payload)[0]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of what a publisher published (section "Settling")."""

    subscriptions: int
    queue: int
    lost: int
    left: int
    begins: bool


def settled(payload: bytes) -> Settled:
    if len(payload) < SETTLED.size or payload[20] > 1:
        raise Fault("body")
    *counts, begins = SETTLED.unpack_from(payload)
    return Settled(*counts, bool(begins))


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


def inflated(frame: Frame, limit: int) -> bytes:
    """The payload as the sender meant it (section "Compression")."""
    room = limit - HEADER.size - len(frame.topic) - len(frame.extension)
    try:
        if frame.flags & S2:
            return inflate.s2(frame.payload, room)
    except inflate.TooLarge:
        raise Fault("too-large") from None
    except inflate.Corrupt:
        raise Fault("inflate") from None
    return frame.payload
