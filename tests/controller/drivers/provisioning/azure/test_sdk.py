"""Microsoft's own SDK takes the double for Azure: it registers with it, connects to it, and is refused where Azure refuses."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.engines.azure_double import SCOPE, Azure
from tests.engines.identities import self_signed
from tests.places import ROOT, TESTS
from tests.until import PATIENCE_S

PYTHON = ROOT / ".venv-azure/bin/python"
DEVICE, OTHER = "device-7", "device-8"
KEY, WRONG_KEY = (base64.b64encode(text).decode() for text in (b"a key of this device", b"a key of somebody else"))


def sdk(*asked: dict[str, str]) -> list[dict[str, Any]]:
    """One process for all of them, because it takes a second to begin."""
    assert PYTHON.exists(), "Microsoft's SDK is not installed: run `make machine`, which puts it into .venv-azure"
    command = [PYTHON, TESTS / "engines/azure_sdk.py"]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_microsofts_sdk_registers_with_the_double_and_connects_to_it(azure: Azure, tmp_path: Path) -> None:
    own = self_signed(DEVICE)
    for name, content in zip(("certificate", "key"), own, strict=True):
        (tmp_path / name).write_bytes(content)
    azure.retry_after_s = 1
    azure.enrol(DEVICE, shown=own)
    azure.enrol(OTHER, key=KEY, hub=azure.other_hub)
    azure.enrol("device-9", state="disabled", key=KEY)
    ca = azure.authority.certificate.decode()
    shows = {"certificate": str(tmp_path / "certificate"), "key": str(tmp_path / "key"), "ca": ca}
    dps = {"what": "register", "host": azure.dps, "scope": SCOPE}
    registered, keyed, disabled, wrong, connected, connected_by_key, elsewhere, wrong_key = sdk(
        {**dps, "device": DEVICE, **shows},
        {**dps, "device": OTHER, "shared_key": KEY, "ca": ca},
        {**dps, "device": "device-9", "shared_key": KEY, "ca": ca},
        {**dps, "device": OTHER, "shared_key": WRONG_KEY, "ca": ca},
        {"what": "connect", "host": azure.hub, "device": DEVICE, **shows},
        {"what": "connect", "host": azure.other_hub, "device": OTHER, "shared_key": KEY, "ca": ca},
        {"what": "connect", "host": azure.other_hub, "device": DEVICE, **shows},
        {"what": "connect", "host": azure.other_hub, "device": OTHER, "shared_key": WRONG_KEY, "ca": ca},
    )
    assert registered == {"status": "assigned", "hub": azure.hub, "device": DEVICE}
    assert keyed == {"status": "assigned", "hub": azure.other_hub, "device": OTHER}
    assert disabled == {"raised": ["ClientError", "ServiceError"]}
    assert connected == connected_by_key == {"connected": True}
    for refused in (wrong, elsewhere, wrong_key):
        assert refused["raised"] == ["CredentialError", "UnauthorizedError"]
    assert {(visit.host, visit.client_id) for visit in azure.visits if visit.host != azure.dps} == {
        (azure.hub, DEVICE),
        (azure.other_hub, OTHER),
    }
    assert azure.hasty == 0
