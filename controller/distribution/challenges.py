"""The challenges of an answer 401: the ways in which a registry lets somebody log in.

One header may have several of them, and an answer several headers: Gitea names Bearer and Basic in two. Engines choose in
different ways: containerd takes a Bearer before a Basic, Podman the first of them, and Docker may ask the realm of each Bearer.
So evenkeel takes a Bearer, and looks at the realms of all.
Protocol: RFC 9110, "WWW-Authenticate" (formerly RFC 7235), read as leniently as engines do.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from evenkeel.controller.distribution.failures import NO_ANSWER, Answer, Failure
from evenkeel.specs.visible import one_line, shortened

BEARER, BASIC = "bearer", "basic"
_ORDER = (BEARER, BASIC)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_BETWEEN = re.compile(r"[\s,]*")
_FIELD = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",=][^\s",]*))(?=[\s,]|$)')
_KIND = re.compile(rf"({_TOKEN})(?=[\s,]|$)")
_CODED = re.compile(r"[A-Za-z0-9._~+/-]+=*\s*(?=,|$)")
"""The text that some kinds have in the place of fields (token68)."""
_LONGEST_NAME = 40


class Challenge(NamedTuple):
    """A registry's demand for credentials. `kind`: in lower case. `realm`: where tokens are given, or "". `fields`: the others,
    by names in lower case."""

    kind: str
    realm: str = ""
    fields: tuple[tuple[str, str], ...] = ()


def challenges_of(answer: Answer) -> tuple[Challenge, ...]:
    """The challenges of an answer 401: Bearer, Basic, and others, each kind in the registry's order. Raises Failure for one
    that nobody can read, or that engines may read in different ways."""
    found = [each for header in answer.challenges for each in _parsed(header)]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.kind) if each.kind in _ORDER else len(_ORDER)))


def _parsed(header: str) -> list[Challenge]:
    found, at = list[tuple[str, dict[str, str]]](), _end(_BETWEEN, header, 0)
    while at < len(header):
        field, kind = _FIELD.match(header, at), _KIND.match(header, at)
        if field is not None and found:
            name, quoted, plain = field.groups()
            if name.lower() in found[-1][1]:
                twice = shortened(one_line(name), _LONGEST_NAME)
                raise Failure(f"its challenge has `{twice}` twice, and engines do not agree on which one counts", "no")
            found[-1][1][name.lower()] = plain or re.sub(r"\\(.)", r"\1", quoted)
            at = field.end()
        elif kind is not None:
            found.append((kind[1].lower(), {}))
            after = _end(re.compile(r"\s*"), header, kind.end())
            at = after if _FIELD.match(header, after) else _end(_CODED, header, after)
        else:
            raise Failure(NO_ANSWER)
        at = _end(_BETWEEN, header, at)
    return [Challenge(kind, fields.pop("realm", ""), tuple(fields.items())) for kind, fields in found]


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The place behind what begins there with a pattern."""
    found = pattern.match(text, at)
    return at if found is None else found.end()
