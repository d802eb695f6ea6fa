"""Connection strings, tokens and keys of Azure: how they are read and made. No error and no text form repeats a key."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.provisioning.connection_string import ConnectionString, read_connection_string
from evenkeel.specs.provisioning.sas import derived_key, sas_token, token_expiry

HUB = "myhub.azure-devices.net"
KEY = base64.b64encode(b"+/ a key whose base64 has = at its end").decode()
TOKEN = f"SharedAccessSignature sr={HUB}%2Fdevices%2Fd&sig=c2lnbmVk%3D&se=1900000000"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"HostName={HUB};DeviceId=d;SharedAccessKey={KEY}", ConnectionString(HUB, "d", KEY)),
        (f" \nDeviceId=d; HostName={HUB};SharedAccessKey={KEY};\n", ConnectionString(HUB, "d", KEY)),
        (f"HostName={HUB};DeviceId=d;SharedAccessSignature={TOKEN}", ConnectionString(HUB, "d", token=TOKEN)),
        (f"HostName={HUB};DeviceId=52-54-00;x509=True", ConnectionString(HUB, "52-54-00")),
        (f"HostName={HUB};DeviceId=D:1", ConnectionString(HUB, "D:1")),
        (
            f"HostName=h.azure-devices.cn;DeviceId=d;ModuleId=m;GatewayHostName=edge;SharedAccessKey={KEY}",
            ConnectionString("h.azure-devices.cn", "d", KEY, module="m", gateway="edge"),
        ),
    ],
)
def test_a_connection_string_is_read(text: str, wanted: ConnectionString) -> None:
    assert read_connection_string(text) == wanted


def test_its_text_form_tells_the_means_and_no_secret() -> None:
    key, token = ConnectionString(HUB, "d", KEY), ConnectionString(HUB, "d", token=TOKEN)
    assert repr(key) == f"ConnectionString(host='{HUB}', device='d', means='key')"
    assert repr(token) == f"ConnectionString(host='{HUB}', device='d', means='token')"
    assert ConnectionString(HUB, "d").means == "certificate"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "part 1 of the connection string has no `=`"),
        (KEY.rstrip("="), "part 1 of the connection string has no `=`"),
        (KEY, "part 1 of the connection string has an unknown name: expected one of"),
        (f"DeviceId=d;SharedAccessKey={KEY}", "the connection string has no `HostName`"),
        (f"HostName={HUB};DeviceId=;SharedAccessKey={KEY}", "the connection string has no `DeviceId`"),
        (f"HostName={HUB};DeviceID=d", "part 2 of the connection string has an unknown name: did you mean `DeviceId`?"),
        (f"HostName={HUB};DeviceId=d;SharedAcessKey={KEY}", "did you mean `SharedAccessKey`?"),
        (f"HostName={HUB};DeviceId=d;DeviceId=e", "`DeviceId` is in the connection string more than once"),
        (
            f"HostName={HUB};DeviceId=d;SharedAccessKey={KEY};x509=true",
            "has SharedAccessKey and x509: keep one of them",
        ),
        (f"HostName={HUB};DeviceId=d;SharedAccessKey={KEY}!", "the shared key is not base64"),
        (f"HostName={HUB};DeviceId=d;SharedAccessKey=", "the shared key is empty"),
        (f"HostName={HUB};DeviceId=d;SharedAccessSignature={KEY}", "the token does not begin with"),
        (f"HostName={HUB};DeviceId=d;SharedAccessSignature=SharedAccessSignature sr={KEY}", "the token has no `sig`"),
        (f"HostName={HUB};DeviceId=d;x509=no", "`x509` is not `true`"),
        (f"HostName=https://{HUB};DeviceId=d", "`HostName` is no name of a host"),
        (f"HostName={HUB}:8883;DeviceId=d", "`HostName` is no name of a host"),
        (f"HostName={HUB};DeviceId=a/b", "`DeviceId` is no id: expected at most 128"),
        (f"HostName={HUB};DeviceId={'d' * 129}", "`DeviceId` is no id: expected at most 128"),
        (f"HostName={HUB};SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}", "is one of a service"),
    ],
)
def test_a_wrong_one_is_refused_with_the_reason_and_without_the_key(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_connection_string(text)
    assert why in str(caught.value)
    assert KEY.rstrip("=") not in str(caught.value)


@given(st.text(st.sampled_from("abcKEY=;/+ \n"), max_size=40))
def test_no_text_makes_an_error_that_repeats_it(text: str) -> None:
    secret = f"c2VjcmV0{text}"
    told = ""
    try:
        read_connection_string(f"HostName={HUB};DeviceId=d;{secret}")
    except ValueError as error:
        told = str(error)
    assert told
    assert "c2VjcmV0" not in told


def test_a_token_is_as_microsoft_documents_it() -> None:
    """The value was made with openssl: printf 'h%2Fdevices%2Fd\\n1900000000' | openssl dgst -sha256 -hmac 'a key' -binary."""
    key = base64.b64encode(b"a key").decode()
    token = sas_token("h/devices/d", key, 1_900_000_000.9)
    assert token == f"SharedAccessSignature sr=h%2Fdevices%2Fd&sig={SIGNATURE}&se=1900000000"
    assert sas_token("h/devices/d", key, 1_900_000_000, "registration").endswith("&se=1900000000&skn=registration")
    assert token_expiry(token) == 1_900_000_000
    assert read_connection_string(f"HostName={HUB};DeviceId=d;SharedAccessSignature={token}").ends_s == 1_900_000_000
    assert read_connection_string(f"HostName={HUB};DeviceId=d;x509=true").ends_s == 0


def test_a_key_of_a_device_is_made_of_that_of_its_group() -> None:
    """The value was made with openssl: printf device-7 | openssl dgst -sha256 -hmac 'a key' -binary | base64."""
    assert derived_key(base64.b64encode(b"a key").decode(), "device-7") == DERIVED


SIGNATURE = "y9IdryiETfvvg41VsrHtthSgLsvGBeU5maCYdbn3kJ0%3D"
DERIVED = "VWvEg1+TjI2DpboJl6gGexGJZOvzucft6Z/JSUG26qs="
