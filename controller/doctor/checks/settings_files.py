"""The files that the settings name: of the connection to the broker, and of credentials."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile


def files(device: Device) -> Iterator[NamedFile]:
    """Those that are named."""
    mqtt = device.settings.mqtt
    named = (
        NamedFile("mqtt.usernameFile", mqtt.username_file, "secret"),
        NamedFile("mqtt.passwordFile", mqtt.password_file, "secret"),
        NamedFile("mqtt.tls.clientKey", mqtt.tls.client_key, "secret"),
        NamedFile("mqtt.tls.clientCert", mqtt.tls.client_cert, "certificate"),
        NamedFile("mqtt.tls.rootCa", mqtt.tls.root_ca, "authorities"),
    )
    yield from (each for each in named if each.path)
    if device.settings.engine.docker_config:
        yield NamedFile("engine.dockerConfig", device.settings.engine.docker_config, "secret")
