"""Microsoft's own SDK for devices at work: runs in an environment of its own, `.venv-azure`, because it wants an old paho.

Standard input has a list of what to do, as JSON: `what` is `register` or `connect`; `certificate` and `key` are files, or
`shared_key` is base64; `ca` is PEM. The answer is JSON, too: a list of what was found, or of what the SDK raised.
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

from azure.iot.device import X509, IoTHubDeviceClient, Message, ProvisioningDeviceClient  # noqa: E402  # pyright: ignore


def register(asked: dict[str, str]) -> dict[str, object]:
    common = {"provisioning_host": asked["host"], "registration_id": asked["device"], "id_scope": asked["scope"]}
    if "shared_key" in asked:
        client = ProvisioningDeviceClient.create_from_symmetric_key(
            **common, symmetric_key=asked["shared_key"], server_verification_cert=asked["ca"]
        )
    else:
        client = ProvisioningDeviceClient.create_from_x509_certificate(
            **common, x509=X509(asked["certificate"], asked["key"]), server_verification_cert=asked["ca"]
        )
    found = client.register()
    state = found.registration_state
    return {"status": found.status, "hub": state and state.assigned_hub, "device": state and state.device_id}


def connect(asked: dict[str, str]) -> dict[str, object]:
    more = {"server_verification_cert": asked["ca"], "connection_retry": False}
    if "shared_key" in asked:
        text = f"HostName={asked['host']};DeviceId={asked['device']};SharedAccessKey={asked['shared_key']}"
        client = IoTHubDeviceClient.create_from_connection_string(text, **more)
    else:
        x509 = X509(asked["certificate"], asked["key"])
        client = IoTHubDeviceClient.create_from_x509_certificate(x509, asked["host"], asked["device"], **more)
    try:
        client.connect()
        client.send_message(Message("{}"))
        return {"connected": client.connected}
    finally:
        client.shutdown()


def answers() -> list[dict[str, object]]:
    found = list[dict[str, object]]()
    for asked in json.load(sys.stdin):
        try:
            found.append((register if asked["what"] == "register" else connect)(asked))
        except Exception as error:  # noqa: BLE001 - the test says which
            causes = [type(each).__name__ for each in (error, error.__cause__) if each is not None]
            found.append({"raised": causes})
    return found


print(json.dumps(answers()))
