"""The files that the settings name: of the connection to the broker, and of credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile


async def files(device: Device) -> AsyncIterator[NamedFile]:
    """A setting that names no file has an empty path."""
    mqtt = device.settings.mqtt
    yield NamedFile("mqtt.usernameFile", mqtt.username_file, "secret")
    yield NamedFile("mqtt.passwordFile", mqtt.password_file, "secret")
    yield NamedFile("mqtt.tls.clientKey", mqtt.tls.client_key, "secret")
    yield NamedFile("mqtt.tls.clientCert", mqtt.tls.client_cert, "certificate")
    yield NamedFile("mqtt.tls.rootCa", mqtt.tls.root_ca, "authorities")
    yield NamedFile("engine.dockerConfig", device.settings.engine.docker_config, "secret")
