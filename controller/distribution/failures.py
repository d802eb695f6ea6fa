"""Failed questions to a registry. No text of a failure has a secret, also where a registry repeats one in its words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from evenkeel.controller.process.causes import chain_of, connection_cause
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable
from evenkeel.specs.reading.repeated import has_secret
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.visible import one_line, shortened

How = Literal["away", "late", "no", "denied"]
"""`away`: the same may succeed later; `late`: there was no answer in time; `no`: the same will fail again; `denied`: it lets
nobody in with these credentials, and `why` has its words."""

LATE = "it did not answer in time"
NO_ANSWER = "its answer is none of a registry"
_LONGEST_REASON, _LONGEST_WORDS, _MOST_ERRORS = 80, 300, 3
_ENDED = "Server disconnected"
"""Words of httpx for a connection that ended before an answer began."""
_PASSING = (408, 425, 429)
"""Statuses from 400 to 499 that pass by themselves."""
_OF_THE_CLOCK = (9, 10)
"""Faults of a certificate that a wrong clock makes, too: not valid yet, and expired (X509_V_ERR_CERT_…)."""
_CLOCK_REMEDY = "look at the clock of this device (`date`); where that is right, the registry needs a new certificate"
_WANTS_A_CERTIFICATE = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "CERTIFICATE_UNKNOWN")
"""Alerts by which a server says that it does not take the certificate of this device, or misses one."""


class Failure(Exception):
    """`why`: the reason as a clause about the registry, `remedy`: what to do about it, or ""."""

    def __init__(self, why: str, how: How = "away", remedy: str = "") -> None:
        super().__init__(why)
        self.why, self.how, self.remedy = why, how, remedy


class Unreached(Failure):
    """No connection came about."""


class CutOff(Failure):
    """A connection came about, and ended before an answer, also because no encryption was agreed on."""


class Silent(Failure):
    """A connection came about, and there was no answer in time."""


class AtProxy(Failure):
    """The proxy on the way does not connect to it, or is not there."""


class Misdirected(Failure):
    """A registry wants its credentials sent to a host that may not have them, and they were not."""

    def __init__(self, realm: str, *, is_documented: bool) -> None:
        """`is_documented`: a document is about the credentials, and lists who may have them; else the settings do."""
        where = "tokenRealms" if is_documented else "engine.tokenRealms"
        why = f"it wants its credentials sent to {realm}, and they were not"
        super().__init__(why, "no", f"if that is right, add {realm} to `{where}`")
        self.realm = realm


def error_of(failure: Failure, host: str, place: str, what: str = "") -> DriverError:
    """The error that a failed question to a registry is. `place`: what the question is about; `what`: the outcome, as a clause,
    "" where that is that the registry cannot be asked."""
    element, remedy = f"registry:{place}", f"; {failure.remedy}" if failure.remedy else ""
    if failure.how == "denied":
        return Refused(element, f"{host} refuses the login: {failure.why}")
    kind = {"no": Refused, "late": TimedOut}.get(failure.how, Unavailable)
    return kind(element, f"{what or f'the registry {host} cannot be asked'}: {failure.why}{remedy}")


class Answer(NamedTuple):
    """An answer, whose body is bounded. The names of `headers` are in lower case. `challenges`: headers WWW-Authenticate."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    challenges: tuple[str, ...]


@contextmanager
def failures() -> Iterator[None]:
    """A context that raises Failure where a connection, or what came over it, is not as it should be."""
    import httpx

    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unreached(LATE, "late") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise Silent(LATE, "late") from error
    except httpx.ConnectError as error:
        raise of_connection(error, Unreached) from error
    except httpx.TransportError as error:
        is_cut = isinstance(error, httpx.NetworkError) or _ENDED in str(error)
        raise of_connection(error, CutOff if is_cut else Failure) from error
    except (httpx.HTTPError, OSError, ExceptionGroup) as error:
        # anyio groups what it does not expect, as a port of 99999
        raise of_connection(error, Failure) from error
    except (ValueError, LookupError, TypeError, ArithmeticError, httpx.InvalidURL) as error:
        raise Failure(NO_ANSWER) from error


def of_connection(error: BaseException, kind: type[Failure]) -> Failure:
    """The failure of a connection: of this kind, unless a certificate is the reason."""
    why = connection_cause(error, "the connection to it failed")
    for each in chain_of(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            passes = each.verify_code in _OF_THE_CLOCK
            remedy = _CLOCK_REMEDY if passes else "give the authority that vouches for it in `tls.ca`"
            return Failure(why, "away" if passes else "no", remedy)
        if isinstance(each, ssl.SSLError) and any(alert in (each.reason or "") for alert in _WANTS_A_CERTIFICATE):
            remedy = "give one that it takes in `tls.certificate`, and its key in `tls.key`"
            return Failure("it does not let this device in without a certificate that it takes", "no", remedy)
    return kind(why)


def status_of(answer: Answer, secrets: Sequence[str] = ()) -> str:
    """The status of an answer, as `404 Not Found`. Its text is as much the server's as the body is."""
    reason = "" if has_secret(answer.reason, secrets) else shortened(one_line(answer.reason), _LONGEST_REASON)
    return f"{answer.status} {reason}".strip()


def of_status(answer: Answer, secrets: Sequence[str] = ()) -> Failure:
    """The failure of an answer that is no good one."""
    final = 400 <= answer.status < 500 and answer.status not in _PASSING
    return Failure(f"it answered {status_of(answer, secrets)}", "no" if final else "away")


def words(answer: Answer, secrets: Sequence[str] = ()) -> str:
    """The registry's own words in an answer, else its status (distribution specification, "Error Codes"; token servers have
    forms of their own). Nothing is shown where they repeat one of these secrets."""
    text = one_line("; ".join(_messages(answer.body)[:_MOST_ERRORS]))
    if has_secret(text, secrets):
        return f"{answer.status}, and words that are not shown, for they have a secret in them"
    return f"{shortened(text, _LONGEST_WORDS)} ({answer.status})" if text else status_of(answer, secrets)


def _messages(body: bytes) -> list[str]:
    try:
        found = foreign_json(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    errors = found.get("errors")
    each = [_message(error) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    other = [found.get(key) for key in ("details", "error_description", "message", "error")]
    return [text for text in each if text] or [text for text in other if isinstance(text, str) and text][:1]


def _message(error: dict[str, object]) -> str:
    code, message = error.get("code"), error.get("message")
    parts = [code.lower().replace("_", " ")] if isinstance(code, str) else []
    return ": ".join(part for part in (*parts, message) if isinstance(part, str) and part)
