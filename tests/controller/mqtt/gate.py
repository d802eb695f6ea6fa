"""A real broker that lets in who shows a certificate that it trusts, and those who come to it."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.engines.broker import Broker
from tests.engines.identities import Issued
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.mqtt import MqttLink
from evenkeel.controller.process.let_in import LetIn
from evenkeel.specs.settings.mqtt import MqttSettings, TlsSettings
from evenkeel.specs.settings.settings import Backoff

_BACKOFF = Backoff(timedelta(milliseconds=20), timedelta(milliseconds=200))


def asks_for_certificates(broker: Broker, *, revokes: bool = False) -> None:
    """From its next start on it trusts the certificates that it `knows`, and names who comes by the common name. `revokes`:
    it heeds a list of those that are revoked."""
    conf = broker.folder / "mosquitto.conf"
    own, known = (f"cafile {broker.folder}/{name}.crt" for name in ("ca", "devices"))
    lines = ["require_certificate true", "use_identity_as_username true"]
    lines += [f"crlfile {broker.folder}/devices.crl"] if revokes else []
    conf.write_text(conf.read_text().replace(own, known).replace(lines[0], "\n".join(lines)))


def knows(broker: Broker, *devices: Issued | Pair, revoked: bytes = b"") -> None:
    """From now on it trusts these certificates, of devices or of authorities. `revoked`: the list of those that it does not
    trust (PEM), in the form of an X.509 CRL."""
    (broker.folder / "devices.crt").write_bytes(b"".join(each.certificate for each in devices))
    (broker.folder / "devices.crl").write_bytes(revoked)
    broker.restart()


def link(broker: Broker, folder: Path, *topics: str, let_in: LetIn | None = None) -> MqttLink:
    """Evenkeel's own connection, with the pair in a folder."""
    tls = TlsSettings(f"{broker.folder}/ca.crt", f"{folder}/device.crt", f"{folder}/device.key")
    url = f"ssl://localhost:{broker.tls_port}"
    settings = MqttSettings(enabled=True, broker=url, client_id="evenkeel-test", tls=tls)
    return MqttLink(settings, topics, backoff=_BACKOFF, let_in=let_in)


async def until(true: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - there is no event for what a test looks at
            await asyncio.sleep(0.01)


def publishes(broker: Broker, pair: Issued | Pair, folder: Path) -> bool:
    """Whether the broker lets a program with this pair in."""
    folder.mkdir(exist_ok=True)
    (folder / "it.crt").write_bytes(pair.certificate)
    (folder / "it.key").write_bytes(pair.key)
    files = ("--cafile", f"{broker.folder}/ca.crt", "--cert", f"{folder}/it.crt", "--key", f"{folder}/it.key")
    command = ["mosquitto_pub", "-h", "localhost", "-p", str(broker.tls_port), *files, "-q", "1", "-t", "t", "-m", "x"]
    return not subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE_S).returncode
