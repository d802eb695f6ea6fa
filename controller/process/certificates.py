"""When certificates begin and end. A certificate is DER (X.690) in PEM; only its validity (RFC 5280 §4.1.2.5) is read."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_PEM = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _LONG_TIME = 0x17, 0x18


class _Value(NamedTuple):
    tag: int
    content: bytes
    end: int


def periods(pem: bytes) -> tuple[tuple[float, float], ...]:
    """The begin and the end of the validity of each certificate in a file, in seconds since 1970. ValueError when it has none,
    or one that cannot be read."""
    found = [_period(base64.b64decode(each)) for each in _bodies(pem)]
    if not found:
        raise ValueError("no certificate is in it")
    return tuple(found)


def ends(pem: bytes) -> tuple[float, ...]:
    """The ends of `periods`."""
    return tuple(end for _, end in periods(pem))


def _bodies(pem: bytes) -> Iterator[bytes]:
    try:
        for each in _PEM.findall(pem):
            base64.b64decode(each)
            yield each
    except binascii.Error:
        raise ValueError("a certificate in it is damaged") from None


def _period(der: bytes) -> tuple[float, float]:
    try:
        body = _values(_first(_first(der, _SEQUENCE).content, _SEQUENCE).content)
        if body[0].tag == _VERSION:
            body = body[1:]
        validity = _values(body[3].content)  # after the serial number, the algorithm and the issuer
        return _moment(validity[0]), _moment(validity[1])
    except (IndexError, ValueError):
        raise ValueError("a certificate in it is damaged") from None


def _first(der: bytes, tag: int) -> _Value:
    value = _value(der, 0)
    if value.tag != tag:
        raise ValueError
    return value


def _values(der: bytes) -> list[_Value]:
    found: list[_Value] = []
    at = 0
    while at < len(der):
        value = _value(der, at)
        found.append(value)
        at = value.end
    return found


def _value(der: bytes, at: int) -> _Value:
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + count]), begin + count
    if begin + length > len(der):
        raise ValueError
    return _Value(tag, der[begin : begin + length], begin + length)


def _moment(value: _Value) -> float:
    text = value.content.decode("ascii")
    if value.tag == _UTC_TIME:
        century = "20" if int(text[:2]) < 50 else "19"
        text = century + text
    elif value.tag != _LONG_TIME:
        raise ValueError
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
