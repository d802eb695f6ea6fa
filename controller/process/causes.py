"""Why a connection failed, or a write, in the words of the operating system or of the TLS library."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator


def connection_cause(error: BaseException, otherwise: str) -> str:
    """The message at the end of a chain of errors; `otherwise` where nothing in it tells."""
    for each in reversed(list(chain_of(error))):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {each.verify_message}"
        if isinstance(each, ssl.SSLError):
            return "it does not speak TLS as it should"
        if isinstance(each, OSError) and each.strerror:
            return system_words(each)
    return otherwise


def system_words(error: OSError) -> str:
    """The words of the system for an error; asyncio has words of its own for what the system names."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()


def write_words(error: OSError) -> str:
    """The words of the system for a write that failed, with what to do where the unit of a service may have forbidden it."""
    allow = {
        errno.EROFS: "open it (`ReadWritePaths=`)",
        errno.EPERM: "allow files of other owners (`CapabilityBoundingSet=CAP_CHOWN …` and `SystemCallFilter=@chown`)",
    }.get(error.errno or 0)
    return system_words(error) + (f"; where evenkeel is a service, its unit has to {allow}" if allow else "")


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it."""
    inner: BaseException | None = error
    for _ in range(10):
        if inner is None:
            return
        yield inner
        inner = inner.__cause__ or inner.__context__
