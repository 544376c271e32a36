"""An external collector, written from agent/control/PROTOCOL.md alone; sections named here are those of that document.

It observes nothing but the passing of time, and publishes a tick at an interval that can be configured.
"""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import handshake
from bus import Client, Message, now_ns
from operations import MAX_ENVELOPE, REGISTRATION, OperationError, operate
from wire import Fault

KEPT, KEPT_SECONDS = 1024, 60
FURTHEST = 300  # seconds that a deadline may be away
JSON = 2  # the content of a frame
REQUEST = {"id": str, "operation": str, "target": str, "deadline_ns": int, "correlation": dict, "payload": dict}


def refusal(code: str, message: str, category: str = "configuration", status: str = "error") -> OperationError:
    return OperationError(status, code, message, category)


def fields(payload: dict[str, Any], **known: type) -> list[Any]:
    """The values of a payload, in which no other key stands."""
    for key, value in payload.items():
        if key not in known or not isinstance(value, known[key]):
            raise refusal("INVALID_PAYLOAD", f"payload: {key}")
    return [payload.get(key) for key in known]


class Collector:
    """The six steps of section "A collector in six steps"."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self.state = "running"
        self.settings: dict[str, Any] = {"interval_ms": 100}
        self.version = 1  # of the settings
        self.emitted = self.beats = 0
        self.ending = ""
        self.began = time.monotonic()
        self.answers: OrderedDict[str, tuple[float, Any, bytes]] = OrderedDict()  # by id: when, for what, and the answer
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "health_check": self.health_check,
            "get_capabilities": self.get_capabilities,
            "pause": lambda payload: self.become("paused", payload),
            "resume": lambda payload: self.become("running", payload),
            "update_config": self.update_config,
            "execute_task": self.execute_task,
            "graceful_shutdown": lambda payload: self.end("in order"),
            "force_shutdown": lambda payload: self.end("at once"),
        }
        self.client = Client(path, name=name, role="collector")
        self.client.subscribe(f"control.collector.{name}", responder=self.respond)
        source = {"collector": name, "pid": os.getpid(), "version": "1.0", "source": "the clock", "state": self.state}
        self.interval = operate(self.client, "register", name, source, where=REGISTRATION)["heartbeat_ns"] / 1e9

    def run(self) -> None:
        beat = tick = 0.0
        while not self.ending:
            now = time.monotonic()
            if now >= beat:
                beat = now + self.interval
                self.heartbeat()
            if now >= tick:
                tick = now + self.settings["interval_ms"] / 1000
                if self.state == "running":
                    self.tick()
            try:
                self.client.step(min(beat, tick) - time.monotonic())
            except TimeoutError:
                pass
        operate(self.client, "deregister", self.name, {"reason": self.ending}, where=REGISTRATION)
        self.client.drain()

    def heartbeat(self) -> None:
        self.beats += 1
        beat = {"collector": self.name, "sequence": self.beats, "state": self.state, "health": {"state": "healthy"}, "emitted": self.emitted, "failed": 0}
        self.client.publish(f"control.health.heartbeat.{self.name}", json.dumps(beat).encode(), content=JSON)

    def tick(self) -> None:
        self.emitted += 1
        event = {"event": {"kind": "event", "action": "tick"}, "host": {"name": os.uname().nodename}, "message": f"tick {self.emitted}"}
        self.client.publish(f"events.{self.name}.tick", json.dumps(event).encode(), content=JSON)

    # Section "Envelopes"

    def respond(self, message: Message) -> bytes:
        began = now_ns()
        request: dict[str, Any] = {}
        try:
            request = self.envelope(message.payload)
            answer = self.stored(request) or self.answer(request, self.operations[request["operation"]](request.get("payload") or {}), None, began)
            self.answers.setdefault(request["id"], (time.monotonic(), self.content(request), answer))
        except OperationError as error:
            answer = self.answer(request, None, error, began)
            if request and error.code != "ID_REUSED":
                self.answers.setdefault(request["id"], (time.monotonic(), self.content(request), answer))
        return answer

    def envelope(self, text: bytes) -> dict[str, Any]:
        try:
            request = handshake.json_object(text, MAX_ENVELOPE, dict(REQUEST))
        except Fault:
            raise refusal("MALFORMED_ENVELOPE", "it is no envelope") from None
        left = request.get("deadline_ns", 0) - now_ns() - self.client.offset
        if unknown := request.keys() - REQUEST.keys():
            raise refusal("MALFORMED_ENVELOPE", f"unknown keys: {', '.join(sorted(unknown))}")
        if not request.get("id"):
            raise refusal("INVALID_ID", "there is no id")
        if request.get("operation") not in self.operations:
            raise refusal("UNSUPPORTED_OPERATION", "it is not carried out here")
        if request.get("target") != self.name:
            raise refusal("INVALID_TARGET", f"this is collector {self.name}")
        if left <= 0:
            raise refusal("DEADLINE_PASSED", "the deadline has passed", "timeout", "timeout")
        if left > FURTHEST * 1e9:
            raise refusal("INVALID_DEADLINE", "the deadline is too far away")
        return request

    @staticmethod
    def content(request: dict[str, Any]) -> Any:
        return request["operation"], request["target"], request.get("payload")

    def stored(self, request: dict[str, Any]) -> bytes | None:
        """The answer to an earlier request with that id (section "Again")."""
        while self.answers and (len(self.answers) >= KEPT or time.monotonic() - next(iter(self.answers.values()))[0] > KEPT_SECONDS):
            self.answers.popitem(last=False)
        _, content, answer = self.answers.get(request["id"], (0.0, None, b""))
        if answer and content != self.content(request):
            raise refusal("ID_REUSED", "the id was used for another request")
        return json.dumps({"repeated": True, **json.loads(answer)}).encode() if answer else None

    @staticmethod
    def answer(request: dict[str, Any], result: dict[str, Any] | None, error: OperationError | None, began: int) -> bytes:
        took = now_ns() - began
        answer = {key: request.get(key, "") for key in ("id", "operation", "target")}
        if "correlation" in request:
            answer["correlation"] = request["correlation"]
        if error is None:
            answer |= {"status": "success", "payload": result}
        else:
            answer |= {"status": error.status, "error": {"code": error.code, "message": str(error), "category": error.category, "context": error.context}}
        return json.dumps({**answer, "queue_ns": 0, "execution_ns": took, "total_ns": took}).encode()

    # Section "Operations"

    def health_check(self, _: dict[str, Any]) -> dict[str, Any]:
        uptime = int((time.monotonic() - self.began) * 1e9)
        return {
            "collector": self.name, "pid": os.getpid(), "version": "1.0", "source": "the clock", "state": self.state, "health": {"state": "healthy"},
            "uptime_ns": uptime, "emitted": self.emitted, "failed": 0, "config_version": self.version,
        }

    def get_capabilities(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "collector": self.name, "version": "1.0", "source": "the clock", "event_types": [self.name], "topics": [f"events.{self.name}.tick"],
            "operations": list(self.operations), "tasks": ["add"], "config": list(self.settings),
        }

    def become(self, state: str, payload: dict[str, Any]) -> dict[str, Any]:
        fields(payload)
        already = {"already": True} if state == self.state else {}
        self.state = state
        self.heartbeat()
        return {"state": state, **already}

    def update_config(self, payload: dict[str, Any]) -> dict[str, Any]:
        config, check, _ = fields(payload, config=dict, validate_only=bool, rollback_on_failure=bool)
        new = {**self.settings, **(config or {})}
        interval = new["interval_ms"]
        if new.keys() != self.settings.keys() or type(interval) is not int or not 1 <= interval <= 60000:
            raise refusal("VALIDATION_FAILED", "want interval_ms from 1 to 60000")
        changed = [key for key in new if new[key] != self.settings[key]]
        if check:
            return {"version": self.version, "changed_fields": changed, "validated": True}
        self.settings, self.version = new, self.version + bool(changed)
        return {"version": self.version, "changed_fields": changed}

    def execute_task(self, payload: dict[str, Any]) -> dict[str, Any]:
        task, args, _, _ = fields(payload, task=str, args=dict, anyone=bool, repeatable=bool)
        if task != "add":
            raise refusal("UNSUPPORTED_TASK", f"there is no task {task}")
        try:
            return {"task": task, "collector": self.name, "result": sum((args or {})["numbers"])}
        except (KeyError, TypeError) as error:
            raise refusal("TASK_FAILED", f"numbers: {error}", "internal") from None

    def end(self, how: str) -> dict[str, Any]:
        self.ending = f"it was asked to end {how}"
        return {"state": "stopping"}


def run(path: str, name: str) -> int:
    Collector(path, name).run()
    return 0
