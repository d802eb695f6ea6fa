"""Registrations at the Device Provisioning Service: ids, and every answer that the service may give."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.registration import Denial, Later, read_answer, registration_fault


def body(status: str, **state: Any) -> bytes:
    return json.dumps({"operationId": "4.1", "status": status, "registrationState": state}).encode()


@pytest.mark.parametrize(
    ("registration", "common_name", "why"),
    [
        ("device-7", None, ""),
        ("52-54-00:a.b_c", "52-54-00:a.b_c", ""),
        ("Device-7", None, "did you mean `device-7`?"),
        ("", None, "expected at most 128 lower-case letters"),
        ("a/b", "a/b", "did you mean `a-b`?"),
        ("device-7", "device-8", "the common name of the certificate is `device-8`: both must be equal"),
        ("device-7", "", "the common name of the certificate is none: both must be equal"),
    ],
)
def test_a_registration_id_is_checked(registration: str, common_name: str | None, why: str) -> None:
    found = registration_fault(registration, common_name)
    assert found == "" if why == "" else why in found


@pytest.mark.parametrize(
    ("status", "content", "retry_after", "wanted"),
    [
        (200, body("assigned", assignedHub="h.net", deviceId="d"), "", Assignment("h.net", "d")),
        (202, body("assigning"), "3", Later(3.0, "4.1", "the service is still assigning a hub")),
        (202, body("assigning"), "soon", Later(None, "4.1", "the service is still assigning a hub")),
        (200, b'{"operationId": "4.1", "status": "disabled"}', "", Denial("the enrolment is disabled")),
        (200, body("unassigned"), "", Denial("the service has assigned no hub")),
        (
            200,
            body("failed", errorCode=400207, errorMessage="no hub\nis left"),
            "",
            Denial("the service failed to assign a hub: no hub is left (400207)"),
        ),
        (
            401,
            b'{"errorCode": 401002, "message": "Unauthorized"}',
            "",
            Denial("the service answers 401: Unauthorized (401002)"),
        ),
        (404, b"<html>", "", Denial("the service answers 404")),
        (429, b'{"errorCode": 429001}', "7", Later(7.0, "before", "the service answers 429: error 429001")),
        (503, b"", "", Later(None, "before", "the service answers 503", is_away=True)),
    ],
)
def test_an_answer_is_understood(status: int, content: bytes, retry_after: str, wanted: object) -> None:
    assert read_answer(status, content, retry_after, "before") == wanted


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, b""),
        (200, b"[]"),
        (302, body("assigned", assignedHub="h.net", deviceId="d")),
        (200, body("thinking")),
        (200, body("assigned", assignedHub="h.net:1/x", deviceId="d")),
        (200, body("assigned", assignedHub="h.net")),
        (200, b'{"status": "assigning"}'),
    ],
)
def test_an_answer_that_is_none_is_no_assignment(status: int, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_answer(status, content)


@given(st.integers(0, 999), st.binary(max_size=60), st.text(max_size=6))
def test_whatever_comes_is_an_answer_or_an_error_that_is_caught(status: int, content: bytes, after: str) -> None:
    try:
        found = read_answer(status, content, after)
    except (ValueError, RecursionError):
        return
    assert not isinstance(found, Assignment)
