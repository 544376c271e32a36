"""Operations on the agent's collectors, written from agent/control/PROTOCOL.md alone; sections named here are those of that
document."""

from __future__ import annotations

import json
import uuid
from typing import Any

import handshake
from bus import Client, now_ns
from vectors import expect
from wire import Fault

OPERATIONS = "control.agent.operation"
REGISTRATION = "control.collector.registration"
MAX_ENVELOPE = 256 << 10
STATUSES = ("success", "error", "in_progress", "timeout", "cancelled", "unavailable")


class OperationError(Exception):
    """Why an operation did not succeed (section "Codes")."""

    def __init__(self, status: str, code: str, message: str, category: str = "", context: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.category, self.context = status, code, category, context or {}


def envelope(client: Client, operation: str, target: str, payload: dict[str, Any] | None = None, seconds: float = 20, **more: Any) -> dict[str, Any]:
    """A request (section "Envelopes"). Its id is new, unless more has one."""
    deadline = now_ns() + client.offset + int(seconds * 1e9)
    request = {"id": uuid.uuid4().hex, "operation": operation, "target": target, "deadline_ns": deadline, **more}
    return request if payload is None else {**request, "payload": payload}


def send(client: Client, where: str, request: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
    """Sends an envelope, and returns the answer, which is one to this request."""
    body = client.request(where, json.dumps(request).encode(), seconds)
    try:
        answer = handshake.json_object(body, MAX_ENVELOPE, {"id": str, "status": str, "error": dict, "payload": dict})
    except Fault:
        raise OperationError("error", "INVALID_ANSWER", "the answer is no envelope", "communication") from None
    if answer.get("status") not in STATUSES or (answer["status"] == "success") == ("error" in answer):
        raise OperationError("error", "INVALID_ANSWER", "the parts of the answer do not agree", "communication")
    if "error" in answer and not answer.get("id"):
        return answer  # the request could not be read
    if any(answer.get(key) != request.get(key) for key in ("id", "operation", "target")):
        raise OperationError("error", "INVALID_ANSWER", "it answers another request", "communication")
    return answer


def operate(client: Client, operation: str, target: str, payload: dict[str, Any] | None = None, where: str = OPERATIONS, **more: Any) -> dict[str, Any]:
    """Has an operation carried out, and returns its result."""
    answer = send(client, where, envelope(client, operation, target, payload, **more))
    if answer["status"] != "success":
        raise OperationError(answer["status"], **{k: v for k, v in answer["error"].items() if k in ("code", "message", "category", "context")})
    return answer.get("payload", {})


def failing(code: str, client: Client, *request: Any, **more: Any) -> OperationError:
    """Has an operation carried out that fails with that code."""
    try:
        result = operate(client, *request, **more)
    except OperationError as error:
        expect(error.code, code)
        return error
    raise AssertionError(f"got {result}, want the error {code}")


def run(path: str) -> int:
    """Each operation of an operator on the collector demo (section "Operations"): what the agent test runs."""
    with Client(path, name="operator") as client:
        expect(operate(client, "health_check", "demo")["health"], {"state": "healthy"})
        expect(operate(client, "get_capabilities", "demo")["tasks"], ["echo"])
        expect(operate(client, "execute_task", "demo", {"task": "echo", "args": {"é": [1]}})["result"], {"é": [1]})
        failing("UNSUPPORTED_TASK", client, "execute_task", "demo", {"task": "dance"})
        expect(operate(client, "pause", "demo"), {"state": "paused"})
        expect(failing("INVALID_STATE", client, "pause", "demo").context, {"state": "paused"})
        expect(operate(client, "resume", "demo"), {"state": "running"})
        expect(operate(client, "update_config", "demo", {"config": {"rate": 3}, "validate_only": True})["validated"], True)
        expect(operate(client, "update_config", "demo", {"config": {"rate": 3}})["changed_fields"], ["rate"])
        failing("VALIDATION_FAILED", client, "update_config", "demo", {"config": {"rate": -3}})
        failing("INVALID_PAYLOAD", client, "update_config", "demo", {"konfig": {}})
        for end in ("stop", "graceful_shutdown", "force_shutdown"):
            operate(client, end, "demo")
            failing("NOT_RUNNING", client, "stop", "demo")
            before = operate(client, "start", "demo")["pid"]
            failing("ALREADY_RUNNING", client, "start", "demo")
        after = operate(client, "restart", "demo")["pid"]
        if before == after:
            raise AssertionError(f"pid {after} is that from before")
        failing("COLLECTOR_NOT_FOUND", client, "stop", "nobody")
        failing("PERMISSION_DENIED", client, "deregister", "demo")
        failing("PERMISSION_DENIED", client, "register", "demo", {"collector": "demo", "pid": after, "version": "1", "source": "forged"})
        again(client)
        malformed(client)
    print("every operation does what the document says")
    return 0


def again(client: Client) -> None:
    """Section "Again", and the deadline of section "The clock"."""
    request = envelope(client, "restart", "demo")
    first, second = send(client, OPERATIONS, request), send(client, OPERATIONS, request)
    expect((second.pop("repeated"), "repeated" in first), (True, False))
    expect(second, first)
    expect(send(client, OPERATIONS, {**request, "operation": "pause"})["error"]["code"], "ID_REUSED")
    expect(send(client, OPERATIONS, envelope(client, "restart", "demo", seconds=-1))["error"]["code"], "DEADLINE_PASSED")
    expect(send(client, OPERATIONS, envelope(client, "restart", "demo", seconds=301))["error"]["code"], "INVALID_DEADLINE")


def malformed(client: Client) -> None:
    """Half an envelope, and others that are none, are answered (section "Envelopes")."""
    whole = json.dumps(envelope(client, "pause", "demo"))
    for text in ("", whole[:-10], whole[:-1] + ',"id":"2"}', whole[:-1] + ',"more":1}', whole + whole, "[]", "null"):
        answer = json.loads(client.request(OPERATIONS, text.encode()))
        expect((answer["status"], answer["error"]["code"]), ("error", "MALFORMED_ENVELOPE"))
