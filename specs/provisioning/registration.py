"""A registration at Azure's Device Provisioning Service: its id, and the service's answers (provisioning.md §4.4, §4.5)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.connection_string import is_host
from evenkeel.specs.provisioning.device_id import registration_flaw, suggestion
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.visible import one_line, shortened

_LONGEST_WORDS = 300
_FINAL = {
    "failed": "the service failed to assign a hub",
    "disabled": "the enrolment is disabled",
    "unassigned": "the service has assigned no hub",
}


class Later(Struct, frozen=True):
    """No final answer yet. `after_s`: the wish of the service, in seconds, or `None`. `operation`: the id to ask for next, or
    "" where the same question is to be asked again. `why`: the reason in words. `is_away`: the service is in trouble itself."""

    after_s: float | None
    operation: str
    why: str
    is_away: bool = False


class Denial(Struct, frozen=True):
    """A final no, in the words of the service."""

    why: str


def registration_fault(registration: str, common_name: str | None = None) -> str:
    """The reason why the service would not take a registration id, or "". `common_name`: that of the certificate, which must be
    the same (§4.3); `None` where the device has a key instead."""
    if flaw := registration_flaw(registration):
        near = suggestion(registration)
        return f"`{registration}` is no registration id: {f'did you mean `{near}`?' if near else flaw}"
    if common_name is not None and common_name != registration:
        told = f"`{common_name}`" if common_name else "none"
        return f"the registration id is `{registration}` and the common name of the certificate is {told}: both must be equal"
    return ""


def read_answer(status: int, body: bytes, retry_after: str = "", operation: str = "") -> Assignment | Later | Denial:
    """The meaning of an answer, over MQTT or HTTPS. `retry_after`: its text, in seconds, or "". `operation`: the id that was
    asked for. Raises ValueError for an answer that is none of the service."""
    after_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    if status in (408, 429) or status >= 500:
        return Later(after_s, operation, f"the service answers {_words(status, body)}", is_away=status >= 500)
    if status >= 400:
        return Denial(f"the service answers {_words(status, body)}")
    found = foreign_json(body)
    if status not in (200, 202) or not isinstance(found, dict):
        raise ValueError("not an answer of the service")
    state = found.get("registrationState")
    state = state if isinstance(state, dict) else {}
    phase = found.get("status") or state.get("status")
    if phase == "assigned":
        return _assignment(state)
    if phase in _FINAL:
        code, message = state.get("errorCode"), state.get("errorMessage")
        told = _told(message, code)
        return Denial(f"{_FINAL[phase]}: {told}" if told else _FINAL[phase])
    named = found.get("operationId") or operation
    if phase != "assigning" or not isinstance(named, str) or not named:
        raise ValueError("its answer has no state that is known")
    return Later(after_s, named, "the service is still assigning a hub")


def _assignment(state: dict[str, Any]) -> Assignment:
    hub, device = state.get("assignedHub"), state.get("deviceId")
    if not isinstance(hub, str) or not is_host(hub) or not isinstance(device, str) or not device:
        raise ValueError("it has assigned a hub and does not tell which")
    return Assignment(hub, device)


def _words(status: int, body: bytes) -> str:
    """An error, as `401: Unauthorized (401002)`."""
    try:
        found = foreign_json(body)
    except (ValueError, RecursionError):
        found = None
    told = _told(found.get("message"), found.get("errorCode")) if isinstance(found, dict) else ""
    return f"{status}: {told}" if told else str(status)


def _told(message: object, code: object) -> str:
    text = shortened(one_line(message), _LONGEST_WORDS).strip() if isinstance(message, str) else ""
    number = f"{code}" if isinstance(code, int) and code else ""
    return f"{text} ({number})" if text and number else text or (f"error {number}" if number else "")
