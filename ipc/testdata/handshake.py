"""The JSON of hello and welcome: sections "JSON" and "Hello and welcome" of frame/PROTOCOL.md."""

from __future__ import annotations

import json
from typing import Any, cast

from wire import HEADER, MAX_HANDSHAKE, VERSION, Fault

DEEPEST = 8  # objects and lists inside each other


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which no key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def check_json(value: Any, depth: int = 0) -> None:
    """Section "JSON": what the decoder of the standard library takes, and the protocol does not."""
    match value:
        case str():
            value.encode()  # fails for half of a surrogate pair
        case dict() | list() if depth == DEEPEST:
            raise ValueError("too deep")
        case dict():
            for key, held in cast(dict[str, Any], value).items():
                key.encode()
                check_json(held, depth + 1)
        case list():
            for held in cast(list[Any], value):
                check_json(held, depth + 1)
        case _:
            pass


def no_constant(name: str) -> Any:
    raise ValueError(name)  # NaN, and the infinities


Kinds = dict[str, type | list[type]]


def json_object(payload: bytes, limit: int, kinds: Kinds) -> dict[str, Any]:
    """An object whose known keys have values of the given kinds; a key that is null is left out."""
    if len(payload) > limit:
        raise Fault("body")
    try:
        value: Any = json.loads(payload.decode(), object_pairs_hook=members, parse_constant=no_constant)
        check_json(value)
    except (ValueError, RecursionError):
        raise Fault("body") from None
    if not isinstance(value, dict):
        raise Fault("body")
    found = {key: held for key, held in cast(dict[str, Any], value).items() if held is not None}
    for key, kind in kinds.items():
        held = found.get(key)
        if isinstance(kind, list):
            right = isinstance(held, list) and all(type(entry) is kind[0] for entry in cast(list[Any], held))
        else:
            right = type(held) is kind and (kind is not int or -(2**63) <= held < 2**63)
        if key in found and not right:
            raise Fault("body")
    return found


def hello(payload: bytes) -> dict[str, Any]:
    kinds: Kinds = {"name": str, "version": int, "role": str, "features": [str], "budget_ns": int, "clock_ns": int}
    value = json_object(payload, MAX_HANDSHAKE, kinds)
    if any(len(value.get(key, "").encode()) > 256 for key in ("name", "role")):
        raise Fault("body")
    if any(value.get(key, 0) < 0 for key in ("budget_ns", "clock_ns")):
        raise Fault("body")
    if value.get("version", 0) < 1:
        raise Fault("version")
    return value


LIMITS = ("max_connections", "max_queued", "max_requests", "max_subscriptions", "heartbeat_ms", "clock_ns")
RIGHTS = ("publish", "subscribe", "request", "respond")


def welcome(payload: bytes) -> dict[str, Any]:
    kinds: Kinds = {"source": int, "broker": str, "version": int, "max_message_size": int, "epoch": str}
    kinds |= dict.fromkeys(LIMITS, int)
    kinds |= dict.fromkeys(("features", "urgent", *RIGHTS), [str])
    value = json_object(payload, MAX_HANDSHAKE, kinds)
    if not 0 <= value.get("source", 0) < 2**32:
        raise Fault("body")
    if value.get("version") != VERSION:
        raise Fault("version")
    if value.get("max_message_size", 0) < HEADER.size or any(value.get(key, 0) < 0 for key in LIMITS):
        raise Fault("body")
    return value
