"""Tokens of Azure (shared access signatures) and the keys that they are signed with (provisioning.md §4.2, §4.3).

Keys and tokens are secret. No error repeats one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from urllib.parse import parse_qs, quote

PREFIX = "SharedAccessSignature "


def sas_token(resource: str, key: str, expires_s: float, policy: str = "") -> str:
    """The token that lets the holder of `key` (base64) use `resource`, such as `{host}/devices/{id}`, until `expires_s`, in
    seconds since the epoch. `policy`: the name of the policy; the provisioning service wants `registration`. Raises ValueError
    where the key is not base64."""
    encoded, expiry = quote(resource, safe=""), str(int(expires_s))
    signature = _signature(key, f"{encoded}\n{expiry}")
    return f"{PREFIX}sr={encoded}&sig={quote(signature, safe='')}&se={expiry}" + (f"&skn={policy}" if policy else "")


def derived_key(group_key: str, registration: str) -> str:
    """The key of one device, in base64, from that of its enrolment group (§4.3). Raises ValueError where the key of the group
    is not base64."""
    return _signature(group_key, registration)


def key_bytes(key: str) -> bytes:
    """The bytes of a key in base64. Raises ValueError without repeating it."""
    try:
        content = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the shared key is not base64") from None
    if not content:
        raise ValueError("the shared key is empty")
    return content


def token_expiry(token: str) -> int:
    """The end of a token, in seconds since the epoch. Raises ValueError, without repeating it, for a text that is none."""
    fields = parse_qs(token.removeprefix(PREFIX), keep_blank_values=True) if token.startswith(PREFIX) else {}
    missing = [name for name in ("sr", "sig", "se") if not fields.get(name, [""])[0]]
    if not fields:
        raise ValueError(f"the token does not begin with `{PREFIX.strip()}` and a blank")
    if missing:
        raise ValueError(f"the token has no `{missing[0]}`")
    try:
        return int(fields["se"][0])
    except ValueError:
        raise ValueError("`se` of the token is not a number of seconds") from None


def _signature(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key_bytes(key), text.encode(), hashlib.sha256).digest()).decode()
