"""Why a connection failed, in the words of the operating system or of the TLS library."""

from __future__ import annotations

import os
import ssl


def connection_cause(error: BaseException, otherwise: str) -> str:
    """The message at the end of a chain of errors; `otherwise` where nothing in it tells."""
    chain, inner = [error], error.__cause__ or error.__context__
    while inner is not None and len(chain) < 10:
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    for each in reversed(chain):
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
