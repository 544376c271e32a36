"""Inflating payloads: section "Compression" of frame/PROTOCOL.md.

S2 is whole. Of zstd there is the frame and its raw and run blocks, which is enough to refuse a lie about the size;
a client of the standard library alone does not offer the feature, and so never gets such a payload.
"""

from __future__ import annotations


class Corrupt(Exception):
    """The block is not what it says."""


class TooLarge(Exception):
    """The block says that it is larger than the limit; nothing was reserved for it."""


def varint(data: bytes) -> tuple[int, int]:
    """The number that data begins with, seven bits to a byte, the lowest first; and how many bytes it takes."""
    value = 0
    for at, byte in enumerate(data[:5]):
        value |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
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


def zstd(data: bytes, limit: int) -> bytes:
    """Inflates one frame of RFC 8878, if its blocks are raw or runs."""
    if data[:4] != b"\x28\xb5\x2f\xfd":
        raise Corrupt
    head = little(data, 4, 1)
    single, checksum = head & 0x20, head & 4
    width = (1 if single else 0, 2, 4, 8)[head >> 6]
    if head & 0x0B or not width:  # a reserved bit, a dictionary, or no content size
        raise Corrupt
    at = 5 if single else 6
    size = little(data, at, width) + (256 if width == 2 else 0)
    at += width
    if size > limit:
        raise TooLarge
    out = bytearray()
    last = 0
    while not last:
        block = little(data, at, 3)
        at += 3
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        taken = 1 if kind == 1 else length
        if kind > 1 or at + taken > len(data) or len(out) + length > size:
            raise Corrupt
        out += data[at : at + taken] * (length if kind == 1 else 1)
        at += taken
    if len(out) != size or at + (4 if checksum else 0) != len(data):
        raise Corrupt
    return bytes(out)
