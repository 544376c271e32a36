"""Inflating payloads: section "Compression" of frame/PROTOCOL.md."""

from __future__ import annotations


class Corrupt(Exception):
    """The block is not well formed, or has another length than it states."""


class TooLarge(Exception):
    """The block states a length above the limit; nothing was reserved for it."""


def varint(data: bytes) -> tuple[int, int]:
    """The number that data begins with, seven bits to a byte, the lowest first; and how many bytes it takes."""
    value = 0
    for at, byte in enumerate(data[:5]):
        value |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            if value >> 32:
                break
            return value, at + 1
    raise Corrupt


def little(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise Corrupt
    return int.from_bytes(data[at : at + size], "little")


def s2(data: bytes, limit: int) -> bytes:
    """Inflates a block of S2, which is Snappy's with a repeated offset."""
    size, at = varint(data)
    if size > limit:
        raise TooLarge
    out = bytearray()
    offset = 0
    while at < len(data):
        head = data[at]
        at += 1
        length = head >> 2
        if head & 3 == 0:  # a literal: its length in the head, or in up to four bytes behind it
            more = max(length - 59, 0)
            length = (little(data, at, more) if more else length) + 1
            at += more
            if length > len(data) - at:
                raise Corrupt
            out += data[at : at + length]
            at += length
        else:
            if head & 3 == 1:
                distance = (head & 0xE0) << 3 | little(data, at, 1)
                at, length = at + 1, length & 7
                if distance == 0 and length > 4:  # the last offset again, for a longer run
                    more = length - 4
                    length = little(data, at, more) + (4, 256, 65536)[more - 1]
                    at += more
                length += 4
                offset = distance or offset
            else:
                more = 2 if head & 3 == 2 else 4
                offset, length = little(data, at, more), length + 1
                at += more
            if not 0 < offset <= len(out):
                raise Corrupt
            append_copy(out, offset, min(length, size + 1 - len(out)))
        if len(out) > size:
            raise Corrupt
    if len(out) != size:
        raise Corrupt
    return bytes(out)


def append_copy(out: bytearray, offset: int, length: int) -> None:
    """Appends what begins offset bytes before the end; it may reach into what it appends."""
    start = len(out) - offset
    while length > 0:
        piece = out[start : start + length]
        out += piece
        length -= len(piece)
