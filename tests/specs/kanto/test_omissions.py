"""What of Kanto's config.json is not carried over is named, each key of it, with what to do by hand (B10)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.specs.kanto.omissions import omissions
from evenkeel.specs.kanto.settings import kanto_settings
from evenkeel.specs.problem import Flaw, path_text

FULL: dict[str, dict[str, Any]] = {
    "log": {
        "log_level": "DEBUG", "log_file": "/l", "log_file_size": 3, "log_file_count": 6, "log_file_max_age": 29,
        "syslog": True,
    },
    "deployment": {"enable": False, "mode": "init", "home_dir": "/h", "ctr_dir": "/m"},
    "manager": {
        "home_dir": "/h", "exec_root_dir": "/e", "container_client_sid": "c", "network_manager_sid": "n",
        "default_ctrs_stop_timeout": "45s",
    },
    "containers": {
        "default_ns": "n", "address_path": "/a", "exec_root_dir": "/e", "home_dir": "/h", "image_dec_keys": ["k"],
        "image_dec_recipients": ["r"], "runc_runtime": "io.containerd.runc.v1", "image_expiry": "1h",
        "image_expiry_disable": True, "lease_id": "l", "image_verifier_type": "notation",
        "image_verifier_config": {"configDir": "/c"}, "insecure_registries": ["192.0.2.10:5000"],
        "registry_configurations": {
            "reg.example:5000": {
                "credentials": {"user_id": "hunter", "password": "hunter2"},
                "transport": {"root_ca": "/ca.crt", "client_cert": "/c.cert", "client_key": "/c.key"},
            },
        },
    },
    "network": {"type": "bridge", "home_dir": "/h", "exec_root_dir": "/e", "default_bridge": {"name": "b", "mtu": 1400}},
    "grpc_server": {"protocol": "unix", "address_path": "/g"},
    "things": {"enable": True, "home_dir": "/h", "features": ["Metrics"]},
    "update_agent": {"enable": True, "domain": "cars", "system_containers": ["sua"], "verbose_inventory_report": True},
    "connection": {
        "broker_url": "ssl://b:8883", "keep_alive": "21s", "disconnect_timeout": "1s", "client_username": "u",
        "client_password": "hunter3", "connect_timeout": "31s", "acknowledge_timeout": "16s", "subscribe_timeout": "16s",
        "unsubscribe_timeout": "6s", "transport": {"root_ca": "/ca", "client_cert": "/c", "client_key": "/k"},
    },
}  # fmt: skip
"""Every key of container-management.md §4 and §3.4, none with the default."""
KEYS = sorted((section, key) for section, keys in FULL.items() for key in keys)


def config(keys: set[tuple[str, str]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for section, key in sorted(keys):
        made.setdefault(section, {})[key] = FULL[section][key]
    return made


def told(value: Any) -> str:
    return "\n".join(f"{path_text(flaw.path)}: {flaw.message}; {flaw.hint}" for flaw in omissions(value))


def carried(value: dict[str, Any]) -> dict[str, Any]:
    flaws: list[Flaw] = []
    written = kanto_settings(value, flaws)
    assert flaws == []
    return written


@settings(max_examples=examples(60), deadline=None)
@given(st.sets(st.sampled_from(KEYS), min_size=1))
def test_no_key_is_dropped_without_a_word(keys: set[tuple[str, str]]) -> None:
    value = config(keys)
    said, whole = told(value), carried(value)
    for section, key in keys:
        named = any(
            line.startswith(section) and (f"`{key}`" in line or f".{key}." in line) for line in said.splitlines()
        )
        has_password = (section, key) == ("connection", "client_password") and ("connection", "client_username") in keys
        assert named or has_password or carried(config(keys - {(section, key)})) != whole, (section, key)
    assert "hunter" not in said


IMPORTED = (
    "registries are in documents of their own; `evenkeel registry import` makes such documents from this file, "
    "or name it in the settings as `registries.kanto`"
)


def test_the_whole_configuration_says_what_to_do_by_hand() -> None:
    said = told(FULL)
    for remedy in (
        f"the `credentials` for reg.example:5000 are not carried over: {IMPORTED}",
        f"the `transport` for reg.example:5000 is not carried over: {IMPORTED}",
        f"`insecure_registries` is not carried over: {IMPORTED}; Docker has localhost there by itself",
        "signatures of images are not verified",
        "write `stop: {timeout: …}` in an evenkeel document for more",
        "leave the folder of `specs` empty",
    ):
        assert remedy in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"deployment": {"ctr_dirs": "/m"}}', "deployment.ctr_dirs: unknown key `ctr_dirs`, which does nothing"),
        ('{"deployment": {"Ctr_Dir": "/m"}}', "deployment.Ctr_Dir: `Ctr_Dir` is not carried over; Kanto takes it for"),
        ('{"deployment": {"ctr_dir": "m"}}', "deployment.ctr_dir: `ctr_dir` is not carried over: it is no absolute"),
        ('{"deploymnt": {}}', "deploymnt: unknown key `deploymnt`, which does nothing, as with Kanto; did you mean"),
        ('{"log": 5}', "log: `log` is no mapping, and nothing of it is carried over"),
        (
            '{"containers": {"registry_configurations": {"r": 5}}}',
            "containers.registry_configurations.r: what is given",
        ),
        ('{"connection": {"client_password": "hunter2"}}', "connection.client_password: `client_password` is not"),
        ('{"connection": {"transport": {"root_ca": "/ca"}}}', "connection.transport: `transport` is not carried over"),
    ],
)
def test_what_is_strange_is_named_too(text: str, expected: str) -> None:
    (line,) = told(json.loads(text)).splitlines()
    assert line.startswith(expected)


@pytest.mark.parametrize(
    "value", [{}, [], None, {"log": {}, "things": {"features": []}, "deployment": {"ctr_dir": ""}}]
)
def test_of_nothing_nothing_is_said(value: Any) -> None:
    assert told(value) == ""
