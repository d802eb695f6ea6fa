"""The values that an identity has for others: templates of files name them, and variables of containers (`valueFrom`)."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Value(NamedTuple):
    """One value. `text`: its meaning, for people. `is_secret`: it is shown to nobody."""

    text: str
    is_secret: bool = False


ValueName = Literal[
    "deviceId",
    "certificateFile",
    "keyFile",
    "thumbprint",
    "thumbprintSha256",
    "secondCertificateFile",
    "secondKeyFile",
    "secondThumbprint",
    "secondThumbprintSha256",
    "idScope",
    "hub",
    "hubDeviceId",
    "connectionString",
    "sharedAccessKey",
    "caFile",
]
"""The names, as a type of written forms."""
VALUES: dict[str, Value] = {
    "deviceId": Value("The device id."),
    "certificateFile": Value("The path of the certificate, with its chain."),
    "keyFile": Value("The path of its key."),
    "thumbprint": Value("The SHA-1 thumbprint of the certificate."),
    "thumbprintSha256": Value("Its SHA-256 thumbprint."),
    "secondCertificateFile": Value("With `second`: the path of the second certificate."),
    "secondKeyFile": Value("With `second`: the path of its key."),
    "secondThumbprint": Value("With `second`: its SHA-1 thumbprint."),
    "secondThumbprintSha256": Value("With `second`: its SHA-256 thumbprint."),
    "idScope": Value("With `dps`: the id scope."),
    "hub": Value("The host name of the IoT Hub."),
    "hubDeviceId": Value("The id of the device at that hub."),
    "connectionString": Value("The connection string of the device; with a certificate it has no key.", is_secret=True),
    "sharedAccessKey": Value("The key of the device, where it has one.", is_secret=True),
    "caFile": Value("Authorities to trust: `azure.ca`, or those of the system."),
}
"""All names, in the order of the reference."""
OF_SECOND = frozenset(name for name in VALUES if name.startswith("second"))
"""The names of a second pair, which may come later than all others."""
SECRET = frozenset(name for name, value in VALUES.items() if value.is_secret)
