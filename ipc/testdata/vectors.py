"""Section "Vectors" of frame/PROTOCOL.md: bytes, and what a decoder must make of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import wire
from check import check
from wire import Fault, Type


def expect(got: Any, want: Any) -> None:
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def read(path: Path) -> tuple[dict[str, str], bytes]:
    head, _, body = path.read_text().partition("\n\n")
    keys = dict(line.split(":", 1) for line in head.splitlines())
    data = bytes.fromhex("".join(line.partition("#")[0] for line in body.splitlines()))
    return {key: value.strip() for key, value in keys.items()}, data


def outcome(data: bytes, limit: int) -> tuple[str, bool]:
    """What a decoder finds, and whether the stream is lost."""
    try:
        frame, _ = wire.decode(data, limit)
        check(frame, limit)
    except wire.Incomplete:
        return "incomplete", False
    except Fault as fault:
        return fault.code, fault.lost
    return "ok", False


def run(folder: Path) -> int:
    """Runs through all of them, and returns how many there are."""
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise AssertionError(f"no vectors in {folder}")
    for path in paths:
        keys, data = read(path)
        limit = int(keys.get("max-size", wire.DEFAULT_LIMIT))
        found = outcome(data, limit)
        try:
            expect(found, (keys["expect"], keys.get("stream") == "lost"))
            whole = len(data) - int(keys.get("rest", 0))
            for end in range(whole):
                before = outcome(data[:end], limit)
                if before != ("incomplete", False) and (keys["expect"] == "ok" or before != found):
                    raise AssertionError(f"the first {end} bytes: {before}")
            if keys["expect"] == "ok":
                check_good(keys, data[:whole], limit)
        except AssertionError as failure:
            raise AssertionError(f"{path.name}: {failure}") from None
    return len(paths)


def check_good(keys: dict[str, str], data: bytes, limit: int) -> None:
    frame, length = wire.decode(data + b"behind", limit)
    expect(length, len(data))
    for key in ("flags", "priority", "content", "source", "id", "time", "sequence"):
        expect(getattr(frame, key), int(keys[key]))
    expect(Type(frame.type).name.lower().replace("_", "-"), keys["type"])
    expect(frame.topic.decode(), keys["topic"])
    expect((len(frame.extension), len(frame.payload)), (int(keys["extension"]), int(keys["payload"])))
    if "inflated" in keys:
        count, character = keys["inflated"].split()
        expect(check(frame, limit), character.encode() * int(count))
    if "sha256" in keys:
        expect(hashlib.sha256(check(frame, limit)).hexdigest(), keys["sha256"])
    frame.extension = wire.extension(wire.entries(frame.extension))
    expect(frame.encode(), data)
