"""The pages about identities are executed: their sessions are what the commands say, on a simulated device."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from tests.controller.cli.command import Device
from tests.controller.drivers.provisioning import openssl
from tests.places import ROOT

from evenkeel.controller.drivers.provisioning import memory
from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.ports import Maker, Pair
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.specs.containers.container import Container
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.provisioning.pair import Subject
from evenkeel.specs.provisioning.provisioning import DAY_S, Provisioning

from .rewriting import Rewriter

REQUESTS = "/data/var/requests"
"""Where the page signs a request, beside the authority."""
HOWTO = ROOT / "docs" / "howto"


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["provisioning", "renew-certificates", "migrate-from-leda"])
def test_the_sessions_of_the_page_are_what_the_commands_say(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "renew-certificates":
        monkeypatch.setattr(memory, "RehearsalMaker", Certificates)  # OpenSSL signs no request that is made up
    assert rewritten(name, tmp_path) == (HOWTO / f"{name}.md").read_text()


def test_the_cloud_connector_is_given_names_that_its_image_knows() -> None:
    """The template of leda-utils had `CERT_PATH` and `KEY_PATH` below a folder that nothing is mounted at (provisioning.md
    §2.4, §6)."""
    page = (HOWTO / "migrate-from-leda.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?kind: Container\n.*?)^```", page, re.MULTILINE | re.DOTALL)
    wanted = {each.name: each.wanted for each in decode_file(block.encode(), "cloud.yaml").documents}
    identity, container = wanted["azure"], wanted["cloudconnector"]
    assert isinstance(identity, Provisioning)
    assert isinstance(container, Container)
    env = dict(container.env)
    assert {*env, *(each.variable for each in container.values_from or ())} <= {*KNOWN_TO_THE_IMAGE.split()}
    places = {mount.destination: mount.source for mount in container.mounts}
    for variable, name in (("CERT_FILE", "device.crt"), ("KEY_FILE", "device.key")):
        folder, _, file = str(env[variable]).rpartition("/")
        assert (places[folder], file) == (identity.folder, name)


KNOWN_TO_THE_IMAGE = """
CLOUD_CONNECTOR_CONFIG CONNECTION_STRING ID_SCOPE MESSAGE_MAPPER_CONFIG TENANT_ID SAS_TOKEN_VALIDITY
LOCAL_ADDRESS LOCAL_USERNAME LOCAL_PASSWORD LOCAL_CA_CERT_FILE LOCAL_CERT_FILE LOCAL_KEY_FILE
CA_CERT_PATH CERT_FILE KEY_FILE LOG_FILE LOG_LEVEL LOG_FILE_SIZE LOG_FILE_COUNT LOG_FILE_MAX_AGE
"""
"""The variables that the start script of the image turns into options, without those of a TPM and of pass-through (§6)."""


def rewritten(name: str, folder: Path) -> str:
    """The page with what its commands say now."""
    device = Device(folder)
    rewriter = Rewriter(device, work=REQUESTS)
    if name == "renew-certificates":
        _put(rewriter.host / "etc/evenkeel/secrets/connection", b"HostName=hub.azure-devices.net;DeviceId=device-7\n")
        _put_pair(rewriter.host / "etc/lab", _pair("device-7", ends_in=12.5 * DAY_S, maker=Certificates()))
        (rewriter.host / REQUESTS.lstrip("/")).mkdir(parents=True)
        openssl.authority(rewriter.host / REQUESTS.lstrip("/"), "ca")
    elif name == "migrate-from-leda":
        _put_pair(rewriter.host / "data/var/certificates", _pair("525400123402", ends_in=364.5 * DAY_S))
        _put(rewriter.host / "data/var/certificates/azure.idscope", b"0ne00AB12CD\n")
        _put(rewriter.host / "etc/deviceid", b"525400123402\n")
        _put(rewriter.host / "etc/azure-connector/config.json", b'{"caCert": "/etc/azure-connector/iothub.crt"}\n')
    try:
        return rewriter.page(HOWTO / f"{name}.md")
    finally:
        device.close()


def _pair(name: str, ends_in: float, maker: Maker | None = None) -> Pair:
    """A pair that has signed itself; `ends_in`: seconds from now."""
    subject = Subject(name, time.time() - DAY_S, time.time() + ends_in)
    return (maker or SimulatedMaker()).self_signed("rsa-2048", subject)


def _put_pair(folder: Path, pair: Pair) -> None:
    _put(folder / "device.crt", pair.certificate)
    _put(folder / "device.key", pair.key)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
