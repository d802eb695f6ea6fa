"""The keys of a component: table 1.6, conformance groups 25 and 26, and the texts of §1.7 (container-management.md)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.specs.kanto.components import MIB, PRIVILEGED, complaints, component, container, message

from evenkeel.specs.containers.container import UNLIMITED, Container, Device, Log, Mount, Port, Resources, Restart, Stop
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.kanto import desired as kanto
from evenkeel.specs.kanto.entry import KEYS, MANY
from evenkeel.specs.problem import Flaw, path_text


@pytest.mark.parametrize("key", sorted(KEYS.keys() - {*MANY, "image", "restartPolicy"}))
@pytest.mark.parametrize("before", [(), ("{}=1",)])
def test_an_empty_value_is_the_default(key: str, before: tuple[str, ...]) -> None:
    """Templates and generators leave values empty (recordings `invalid-network`, `invalid-log`). The last one counts, too."""
    flaws: list[Flaw] = []
    settings = [*(text.format(key) for text in before), f"{key}="]
    (draft,) = kanto.desired_state_drafts(message(component(*settings)), flaws)
    assert draft.wanted == container()
    assert all(flaw.warning for flaw in flaws)
    silent = key in ("memory", "memoryReservation", "memorySwap", "logPath", "hostName", "domainName")
    told = [flaw.message for flaw in flaws if "is empty" in flaw.message]
    assert told == ([] if silent else [f"`{key}` is empty, which means the default"])


def test_names_on_the_network_of_the_device_are_the_devices() -> None:
    """An inventory tells them, and a node of one can be pasted into a desired state."""
    flaws: list[Flaw] = []
    settings = ("network=host", "hostName=device", "domainName=web-domain")
    (draft,) = kanto.desired_state_drafts(message(component(*settings)), flaws)
    assert draft.wanted == container("network=host")
    assert [flaw.warning for flaw in flaws] == [True, True]


def test_group_25_a_component_without_config_has_the_defaults() -> None:
    assert container() == Container(
        name="web",
        image="docker.io/library/web:1",
        host_name="web-host",
        domain_name="web-domain",
        network="bridge",
        privileged=False,
        restart=Restart("unless-stopped", 0, None),
        resources=Resources(),
        log=Log("json-file", 2, 100 * MIB, "", "blocking"),
        terminal=False,
        interactive=False,
        stop=Stop("SIGTERM", timedelta(seconds=30)),
    )


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        (["image=reg.example/x:2"], "image", "reg.example/x:2"),
        (["terminal=1"], "terminal", True),
        (["terminal=F"], "terminal", False),
        (["interactive=TRUE"], "interactive", True),
        (["privileged=t"], "privileged", True),
        (["restartPolicy=no"], "restart", Restart("no")),
        (["restartPolicy=always"], "restart", Restart("always")),
        (["restartPolicy=on-failure"], "restart", Restart("on-failure")),
        (["restartPolicy=on-failure", "restartMaxRetries=5"], "restart", Restart("on-failure", 5)),
        (["restartPolicy=on-failure", "restartTimeout=90"], "restart", Restart("on-failure", 0, timedelta(seconds=90))),
        (
            ["restartPolicy=on-failure", "restartTimeout=1m30s"],
            "restart",
            Restart("on-failure", 0, timedelta(seconds=90)),
        ),
        (["restartPolicy=on-failure", "restartTimeout=0"], "restart", Restart("on-failure")),
        (["restartPolicy=on-failure", "restartTimeout=0s"], "restart", Restart("on-failure")),
        (["restartMaxRetries=0", "restartTimeout=0"], "restart", Restart()),
        (["device=/dev/a:/dev/b"], "devices", (Device("/dev/b", "/dev/a", "rwm"),)),
        (["device=/dev/a:/dev/b:mw"], "devices", (Device("/dev/b", "/dev/a", "mw"),)),
        (["port=80:8888/tcp"], "ports", (Port(80, 8888, host_port_end=80),)),
        (["port=5000-6000:8080/udp"], "ports", (Port(5000, 8080, host_port_end=6000, protocol="udp"),)),
        (["port=localhost:80:80"], "ports", (Port(80, 80, "127.0.0.1", 80),)),
        (["port=[::1]:80:80"], "ports", (Port(80, 80, "::1", 80),)),
        (["network=host"], "network", "host"),
        (["network=host"], "host_name", None),
        (["host=a:host_ip", "host=b:10.0.0.1"], "extra_hosts", (("a", "host_ip"), ("b", "10.0.0.1"))),
        (["host=a:container_b-host"], "extra_hosts", (("a", "container_b-host"),)),
        (["mount=/a:/b"], "mounts", (Mount("/b", "/a"),)),
        (["mount=/a:/b:"], "mounts", (Mount("/b", "/a"),)),
        (["mount=/a:/b:rshared"], "mounts", (Mount("/b", "/a", "rshared"),)),
        (["env=B=1", "env=A", "env=C="], "env", (("A", None), ("B", "1"), ("C", ""))),
        (["cmd=--b", "env=X=1", "cmd=a", "cmd="], "command", ("--b", "a", "")),
        (["logDriver=none"], "log", Log("none")),
        (["logMaxFiles=5", "logMaxSize=1M"], "log", Log(max_files=5, max_size=MIB)),
        (["logPath=/data/log"], "log", Log(path="/data/log")),
        (["logMode=non-blocking"], "log", Log(mode="non-blocking")),
        (["logMode=non-blocking", "logMaxBufferSize=2M"], "log", Log(mode="non-blocking", max_buffer_size=2 * MIB)),
        (["logDriver=none", "logMode=blocking"], "log", Log("none")),
        (["memory=50M"], "resources", Resources(50 * MIB, None, 100 * MIB)),
        (["memory=50m", "memorySwap=100 M"], "resources", Resources(50 * MIB, None, 100 * MIB)),
        (["memory=50M", "memorySwap=-1"], "resources", Resources(50 * MIB, None, UNLIMITED)),
        (["memory=50M", "memorySwap=70M"], "resources", Resources(50 * MIB, None, 70 * MIB)),
        (["memory=50M", "memoryReservation=20M"], "resources", Resources(50 * MIB, 20 * MIB, 100 * MIB)),
        (["memory=", "memoryReservation=", "memorySwap="], "resources", Resources()),
        (["hostName=h"], "host_name", "h"),
        (["domainName=d"], "domain_name", "d"),
        (["capability=net_admin", "capability=CAP_SYS_TIME"], "capabilities", ("CAP_NET_ADMIN", "CAP_SYS_TIME")),
        (["status=Running", "finishedAt=", "exitCode=0", "created=x", "restartCount=1"], "restart", Restart()),
        (["manuallyStopped=false", "startedSuccessfullyBefore=true"], "privileged", False),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else None,
)
def test_table_1_6(settings: list[str], field: str, expected: object) -> None:
    assert getattr(container(*settings), field) == expected


@pytest.mark.parametrize(
    ("settings", "field", "expected", "overridden"),
    [
        (["image=a", "cmd=x", "image=b"], "image", "docker.io/library/b:latest", {0: ("`image`", 2)}),
        (["privileged=true", "privileged=False"], "privileged", False, {0: ("`privileged`", 1)}),
        (
            ["memory=1M", "memory=nothing", "memory=64M"],
            "resources",
            Resources(64 * MIB, None, 128 * MIB),
            {0: ("`memory`", 2), 1: ("`memory`", 2)},
        ),
        (
            ["env=PASSWORD=hunter2", "env=A=1", "env=PASSWORD=hunter3"],
            "env",
            (("A", "1"), ("PASSWORD", "hunter3")),
            {0: ("the variable `PASSWORD`", 2)},
        ),
        (["cmd=a", "cmd=a", "mount=/a:/b", "mount=/a:/c"], "command", ("a", "a"), {}),
    ],
)
def test_the_last_of_two_counts_and_every_other_is_told(
    settings: list[str], field: str, expected: object, overridden: dict[int, tuple[str, int]]
) -> None:
    flaws: list[Flaw] = []
    (draft,) = kanto.desired_state_drafts(message(component(*settings)), flaws)
    assert getattr(draft.wanted, field) == expected
    place = "payload.domains[0].components[0].config[{}].value"
    assert [(path_text(flaw.path), flaw.message, flaw.hint, flaw.warning) for flaw in flaws] == [
        (
            place.format(index),
            f"{name} is given again further down, and only the last one counts",
            f"leave one of them; the last is at {place.format(last)}",
            True,
        )
        for index, (name, last) in overridden.items()
    ]
    assert "hunter" not in str(flaws)


def test_what_is_overridden_is_told_at_its_line() -> None:
    text = json.dumps(message(component("memory=64M", "memory=32M")), indent=1)
    (problem,) = decode_file(text.encode(), "ds.json").problems
    assert text.splitlines()[problem.place.line - 1].strip() == '"value": "64M"'
    assert problem.severity == "warning"


SIZE_HINT = "expected a size with a unit, for example 64M, 1.5G or 512K"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["image="], "the containers image configuration is invalid; expected registry/repository:tag"),
        (["image=Upper"], "`Upper` is no repository name (lower-case letters, digits and . _ - /); expected registry/"),
        (["terminal=YES"], "expected true or false, got `YES`"),
        (["privileged=on"], "expected true or false, got `on`"),
        (["restartPolicy=unsupported"], "unsupported restart policy type unsupported; "),
        (["restartPolicy=on_failure"], "unsupported restart policy type on_failure; did you mean `on-failure`?"),
        (["restartPolicy="], "unsupported restart policy type ; expected one of: `always`, `no`, `on-failure`"),
        (["restartPolicy=on-failure", "restartMaxRetries=-1"], "restart policy max retry count cannot be negative"),
        (["restartPolicy=on-failure", "restartMaxRetries=X"], "expected a whole number, got `X`"),
        (["restartPolicy=on-failure", "restartTimeout=-1"], "restart policy retry timeout cannot be negative"),
        (
            ["restartPolicy=on-failure", "restartTimeout=X"],
            "expected seconds or a duration, got `X`; for example 30 or 1m30s",
        ),
        (["restartMaxRetries=1"], "`restartMaxRetries` has no effect when the restart policy is unless-stopped; use"),
        (
            ["restartPolicy=always", "restartTimeout=1"],
            "`restartTimeout` has no effect when the restart policy is always",
        ),
        (
            ["device=/dev/xyz:/dev/x:y"],
            "incorrect configuration value for device mapping /dev/xyz:/dev/x:y; expected perm",
        ),
        (["device=/a:/b:r:w"], "incorrect configuration value for device mapping /a:/b:r:w; expected hostPath"),
        (
            ["port=123.456.789.000:80:80"],
            "Incorrect port mapping configuration 123.456.789.000:80:80; `123.456.789.000` is",
        ),
        (["port=8080"], "Incorrect port mapping configuration 8080; expected [hostIP:]hostPort[-end]:containerPort"),
        (
            ["port=99999:80"],
            "Incorrect port mapping configuration 99999:80; expected a port from 1 to 65535, got `99999`",
        ),
        (["port=localhost:55555:30555-30555/tcp"], "the range stands on the container's side; read as 30555-30555 of"),
        (["network=custom"], "unsupported network mode custom; expected one of: `bridge`, `host`"),
        (["host=ctr_host"], "expected name:address"),
        (["host=a:nowhere"], "`nowhere` is no address; expected an IP address, host_ip, host_ip_<interface> or"),
        (["mount=/TMP"], "Incorrect number of parameters of the mount point /TMP; expected source:destination["),
        (["mount=/a:/b:c:d"], "Incorrect number of parameters of the mount point /a:/b:c:d; expected"),
        (["mount=:/b"], "source and destination must be set for a mount point; expected source:destination["),
        (["mount=/a:"], "source and destination must be set for a mount point; expected source:destination["),
        (["mount=/a:/b:c"], "propagation mode must be set to one of the supported modes; expected one of rprivate"),
        (["mount=a:/b"], "incorrect path of the mount point a:/b; expected an absolute path, got `a`"),
        (["mount=a:b"], "incorrect path of the mount point a:b; expected an absolute path, got `a`"),
        (["mount=/a:."], "incorrect path of the mount point /a:.; expected an absolute path, got `.`"),
        (["mount=/a:b:shared"], "the destination is relative; read as /b, as with Kanto; write /b (warning)"),
        (["env=1VAR=1"], "invalid environmental variable declaration provided : 1VAR; expected NAME=value"),
        (["env=$VAR=1"], "invalid environmental variable declaration provided : (hidden); expected NAME=value"),
        (["env=V@R=1"], "invalid environmental variable declaration provided : (hidden); expected NAME=value"),
        (["logDriver=syslog"], "unsupported log driver configuration; expected one of: `json-file`, `none`"),
        (["logMaxFiles=-1"], "max log files cannot be < 1"),
        (["logMaxFiles=x"], "expected a whole number, got `x`"),
        (["logMaxFiles=0"], "0 means the default, 2; expected at least 1 (warning)"),
        (["logMaxSize=0M"], "0M means the default, 100M; expected more than nothing (warning)"),
        (["logMaxSize=0.0000001k"], "0.0000001k means the default, 100M; expected more than nothing (warning)"),
        (
            ["logMode=non-blocking", "logMaxBufferSize=0K"],
            "0K means the default, 1M; expected more than nothing (warning)",
        ),
        (["logMaxSize=asdf"], f"invalid format of max logs size - asdf; {SIZE_HINT}"),
        (["logPath=log"], "expected an absolute path"),
        (
            ["logDriver=none", "logPath=/log"],
            "`logPath` has no effect when the log driver is none; leave it out (warning)",
        ),
        (["logDriver=none", "logMaxFiles=2"], "`logMaxFiles` has no effect when the log driver is none; leave it out"),
        (["logDriver=none", "logMaxFiles=0"], "`logMaxFiles` has no effect when the log driver is none; leave it out"),
        (["logDriver=none", "logMaxSize=1M"], "`logMaxSize` has no effect when the log driver is none; leave it out"),
        (["logDriver=none", "logMode=non-blocking"], "`logMode` has no effect when the log driver is none; leave it"),
        (
            ["logMaxBufferSize=2M"],
            "`logMaxBufferSize` has no effect when the log mode is blocking; use the mode non-bl",
        ),
        (
            ["logMode=blocking", "logMaxBufferSize=0M"],
            "`logMaxBufferSize` has no effect when the log mode is blocking; use the mode non-blocking, or leave it out",
        ),
        (
            ["logDriver=none", "logMaxBufferSize=2M"],
            "`logMaxBufferSize` has no effect when the log driver is none; leave it out (warning)",
        ),
        (["logMode=fast"], "unsupported log mode configuration; expected one of: `blocking`, `non-blocking`"),
        (["logMode=non-blocking", "logMaxBufferSize=adf"], f"invalid format of max buffer size - adf; {SIZE_HINT}"),
        (["memory=100"], f"invalid format of memory - 100; {SIZE_HINT}"),
        (["memory=2.8M"], "minimum memory allowed is 3M"),
        (["memoryReservation=x"], f"invalid format of memory reservation - x; {SIZE_HINT}"),
        (["memory=10M", "memoryReservation=20M"], "reservation memory - 20M must be lower than memory - 10M"),
        (["memory=10M", "memorySwap=x"], f"invalid format of swap memory - x; {SIZE_HINT}"),
        (["memorySwap=10M"], "swap memory - 10M, memory must be set as well"),
        (["memory=10M", "memorySwap=5M"], "swap memory - 5M is less than memory - 10M; `memorySwap` counts memory and"),
        (["capability="], "expected the name of a capability, for example CAP_NET_ADMIN"),
        (["capability=NET_ADMN"], "Linux has no capability CAP_NET_ADMN; did you mean `NET_ADMIN`?"),
        (["hostName=" + "h" * 64], "a host name has at most 63 characters; write a shorter one"),
        (["network=host", "port=1:1"], "cannot use port mappings when in host network mode; remove `ports` or use"),
        (
            ["network=host", "host=a:host_ip"],
            "cannot use the host_ip reserved key or any of its modifications when in host",
        ),
        (
            ["network=host", "host=a:host_ip_eth0"],
            "cannot use the host_ip reserved key or any of its modifications when",
        ),
        (["privileged=true", "device=/a:/b"], PRIVILEGED.format("specified devices")),
        (["privileged=true", "capability=ALL"], PRIVILEGED.format("extra capabilities")),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_said_in_kantos_words_at_the_last_setting(settings: list[str], expected: str) -> None:
    (complaint,) = complaints(message(component(*settings)))
    assert complaint.startswith(f"config[{len(settings) - 1}].value: {expected}")


def test_a_log_without_effect_is_no_other_log() -> None:
    value = message(component("logDriver=none", "logMode=non-blocking", "logMaxBufferSize=2M", "logMaxFiles=7"))
    flaws: list[Flaw] = []
    (draft,) = kanto.desired_state_drafts(value, flaws)
    assert isinstance(draft.wanted, Container)
    assert draft.wanted.log == Log("none")
    assert [path_text(flaw.path[-3:]) for flaw in flaws] == [f"config[{index}].value" for index in (3, 2, 1)]


def test_two_devices_cannot_be_one() -> None:
    assert complaints(message(component("device=/a:/x", "device=/b:/x"))) == [
        "config[0].value: /x is two devices, /a and /b; give one of them another path"
    ]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("restartTimout=1", "config[0].key: unknown key `restartTimout`; did you mean `restartTimeout`?"),
        ("Image=x", "config[0].key: unknown key `Image`; did you mean `image`?"),
        ("volume=x", "config[0].key: unknown key `volume`"),
    ],
)
def test_an_unknown_key_is_an_error_with_the_nearest_one(setting: str, expected: str) -> None:
    assert complaints(message(component(setting))) == [expected]


def test_group_26_all_faults_of_a_component_are_found_and_nothing_is_dropped() -> None:
    value = message(
        component(
            *("device=/dev/xyz:x", "device=/dev/abc:/dev/ABC", "port=123.456.789.000:80:80", "port=80:8888/tcp"),
            *(
                "mount=/TMP",
                "mount=/tmp:/var/tmp",
                "restartPolicy=on-failure",
                "restartMaxRetries=5",
                "restartTimeout=X",
            ),
            *("terminal=YES", "interactive=1", "memory=50M", "env=B=1", "cmd=x", "env=A=1", "cmd=y"),
        )
    )
    assert [complaint.partition(":")[0] for complaint in complaints(value)] == [
        *("config[2].value", "config[4].value", "config[0].value", "config[8].value", "config[9].value")
    ]
