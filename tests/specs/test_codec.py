"""Files to documents: every fault at once, each with its place, its path, what was expected, and a hint."""

from __future__ import annotations

import json
import re
import textwrap
import time
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from evenkeel.specs.codec import changed, decode, encode, plain
from evenkeel.specs.containers.container import (
    Container,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Port,
    Resources,
    Restart,
    Stop,
    condition_of,
)
from evenkeel.specs.containers.written import ContainerSpec
from evenkeel.specs.desired import Decoded, SystemContainers, asked_at
from evenkeel.specs.documents.cycles import cycles
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.documents.kinds import KINDS
from evenkeel.specs.documents.lacking import for_lacking
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.problem import Place, errors, problem_text
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.reading.suggest import for_pattern

HEAD = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec:\n  image: nginx\n"
"""The spec begins in line 4."""


def decoded(text: str, file: str = "x.yaml") -> Decoded:
    return decode_file(textwrap.dedent(text).encode(), file)


def complaints(text: str, file: str = "x.yaml") -> list[str]:
    return [problem_text(problem) for problem in decoded(text, file).problems]


def container(text: str) -> Container:
    result = decoded(text)
    assert [problem_text(problem) for problem in result.problems] == []
    (document,) = result.documents
    assert isinstance(document.wanted, Container)
    return document.wanted


NAME_HINT = "expected letters, digits and _ . -, beginning with a letter, a digit or _"


def test_all_planted_errors_are_found_at_once() -> None:
    text = """\
        apiVersion: evenkeel/v1
        kind: Container
        metadata:
          name: web server
        spec:
          imagee: nginx
          ports:
            - "8080"
            - hostPort: 70000
              containerPort: 80
          env:
            DEBUG: 1
          restart: {policy: sometimes}
          resources: {memory: 1M}
        """
    assert complaints(text) == [
        f"x.yaml:4:3: metadata.name: the text `web server` does not fit; {NAME_HINT}",
        "x.yaml:5:1: spec: the key `image` is missing",
        "x.yaml:6:3: spec.imagee: unknown key `imagee`; did you mean `image`?",
        (
            "x.yaml:8:7: spec.ports[0]: expected [hostIP:]hostPort[-end]:containerPort[/tcp|udp], "
            "for example 8080:80 or 127.0.0.1:5000-5010:80/udp"
        ),
        "x.yaml:9:7: spec.ports[1].hostPort: expected a number from 1 to 65535, got 70000",
        "x.yaml:12:5: spec.env.DEBUG: expected a text or a mapping, got a number; put it into quotes",
        "x.yaml:13:13: spec.restart.policy: expected one of always, no, on-failure, unless-stopped; got the text `sometimes`",
        "x.yaml:14:15: spec.resources.memory: minimum memory allowed is 3M",
    ]
    assert decoded(text).documents == ()


def test_the_full_form_becomes_the_normal_form() -> None:
    assert container(
        """\
        apiVersion: evenkeel/v1
        kind: Container
        metadata: {name: web, labels: {team: body}}
        spec:
          image: nginx:1
          pullPolicy: Always
          command: [--verbose]
          env: {B: "1", A: null}
          ports: ["8080:80", {hostPort: 53, containerPort: 53, protocol: udp, hostIp: localhost}]
          mounts: [{source: /a, destination: /b, propagation: slave, readOnly: true}, "/c:/d"]
          imageVolumes: discard
          devices: [/dev/ttyS0, {hostPath: /dev/a, containerPath: /dev/b, permissions: r}]
          extraHosts: {broker: host_ip}
          hostName: web
          capabilities: [net_admin]
          restart: {policy: on-failure, maxRetries: 3, timeout: 1m}
          resources: {memory: 64M, memoryReservation: 32M}
          log: {maxFiles: 5, maxSize: 1M, mode: non-blocking, maxBufferSize: 2M}
          terminal: true
          interactive: true
          health: {http: {port: 80}, interval: 1s, startPeriod: 5s}
          stableFor: 10s
          stop: {signal: SIGINT, timeout: 1s}
          dependsOn: [b, {name: a, condition: started}]
        """
    ) == Container(
        name="web",
        image="docker.io/library/nginx:1",
        pull_policy="Always",
        command=("--verbose",),
        env=(("A", None), ("B", "1")),
        ports=(Port(53, 53, "127.0.0.1", 53, "udp"), Port(8080, 80, host_port_end=8080)),
        mounts=container(f'{HEAD}  mounts: ["/a:/b:slave:ro", "/c:/d"]').mounts,
        devices=container(f"{HEAD}  devices: ['/dev/a:/dev/b:r', /dev/ttyS0]").devices,
        extra_hosts=(("broker", "host_ip"),),
        host_name="web",
        domain_name="web-domain",
        capabilities=("CAP_NET_ADMIN",),
        restart=Restart("on-failure", 3, timedelta(minutes=1)),
        resources=Resources(64 * 1024**2, 32 * 1024**2, 128 * 1024**2),
        log=Log(max_files=5, max_size=1024**2, mode="non-blocking", max_buffer_size=2 * 1024**2),
        terminal=True,
        interactive=True,
        labels=(("team", "body"),),
        health=Health(HttpProbe(80), timedelta(seconds=1), start_period=timedelta(seconds=5)),
        stable_for=timedelta(seconds=10),
        stop=Stop("SIGINT", timedelta(seconds=1)),
        depends_on=("a", "b"),
        conditions=(("a", "started"),),
        image_volumes="discard",
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ports: 80:80", "5... expected a list, got a text; put a `-` before each entry"),
        ("ports: [80]", "spec.ports[0]: expected a text or a mapping, got a number"),
        ("ports: ['80']", "spec.ports[0]: expected [hostIP:]hostPort[-end]:containerPort[/tcp|udp]"),
        ("ports: [{hostPort: 1}]", "spec.ports[0]: the key `containerPort` is missing"),
        ("ports: ['80:80', '80:81']", "spec.ports: host port 80/tcp is given to two container ports"),
        ("ports: ['80:80', '127.0.0.1:80:81']", "spec.ports: host port 80/tcp is given to two container ports"),
        ("env: {A: 1}", "spec.env.A: expected a text or a mapping, got a number; put it into quotes"),
        ("env: {A: true}", "spec.env.A: expected a text or a mapping, got true or false; put it into quotes"),
        ("env: {1A: x}", "spec.env.1A: `1A` is no name of a variable; a name is made of letters from A to Z"),
        (
            "env: {$HUNTER: x}",
            "spec.env.(hidden): this is no name of a variable; a name is made of letters from A to Z",
        ),
        ("env: [1A=x]", "spec.env[0]: expected NAME=value"),
        ("env: [A=x, B=y, A=z]", "spec.env[2]: the variable `A` stands here again; first at env[0]"),
        ("privileged: 'yes'", "spec.privileged: expected true or false, got the text `yes`"),
        ("network: Host", "spec.network: expected one of bridge, host; got the text `Host`; did you mean `host`?"),
        ("hostName: ''", "spec.hostName: expected a text that is not empty"),
        ("image: ''", "spec.image: expected a text that is not empty"),
        ("image: Nginx", "spec.image: `Nginx` is no repository name"),
        ("resources: {memory: x}", "spec.resources.memory: the text `x` does not fit; expected a size with a unit"),
        ("resources: {memory: 9999999999G}", "spec.resources.memory: expected a size of at most 1048576G"),
        (
            "resources: {memorySwap: x}",
            "spec.resources.memorySwap: the text `x` does not fit; expected a size with a unit",
        ),
        ("resources: {memorySwap: 9999999999G}", "spec.resources.memorySwap: expected a size of at most 1048576G"),
        ("resources: {memorySwap: 1G}", "spec.resources.memorySwap: swap memory - 1G, memory must be set as well"),
        ("log: {maxSize: 9999999999G}", "spec.log.maxSize: expected a size of at most 1048576G"),
        ("log: {maxSize: 0M}", "spec.log.maxSize: expected a size of more than 0; leave the key out for what it means"),
        (
            "resources: {memory: 64M, memoryReservation: 0k}",
            "spec.resources.memoryReservation: expected a size of more",
        ),
        ("log: {driver: none, maxFiles: 3}", "spec.log.maxFiles: `maxFiles` has no effect with `driver: none`"),
        ("log: {maxBufferSize: 2M}", "spec.log.maxBufferSize: `maxBufferSize` has no effect with `mode: blocking`"),
        ("log: {maxFiles: '2'}", "spec.log.maxFiles: expected a whole number, got the text `2`; leave the quotes out"),
        ("log: {driver: none, path: /x}", "spec.log.path: a log path needs the driver json-file"),
        ("stableFor: soon", "spec.stableFor: the text `soon` does not fit; expected a duration with a unit"),
        ("stableFor: true", "spec.stableFor: expected a duration, got true; expected a duration with a unit"),
        ("stableFor: -1", "spec.stableFor: expected a duration, got the number -1; expected a duration with a unit"),
        ("stableFor: 999999h", "spec.stableFor: expected a duration of at most ten years"),
        ('dependsOn: ["a\\n"]', "spec.dependsOn[0]: the text `a\\n` does not fit; expected letters, digits"),
        ("dependsOn: [web]", "spec.dependsOn: a container cannot depend on itself"),
        ("stop: {signal: '0'}", "spec.stop.signal: the text `0` does not fit; expected a signal"),
        ('stop: {signal: "SIGTERM\\n"}', "spec.stop.signal: the text `SIGTERM\\n` does not fit; expected a signal"),
        ("health: {interval: 1s}", "spec.health: expected exactly one of `exec`, `http`, `tcp`"),
        ("health: {exec: []}", "spec.health.exec: expected at least 1 entry"),
        ("health: {tcp: {port: 1}, timeout: 0s}", "spec.health.timeout: expected a duration of at least 1ms"),
        ("mounts: ['a:/b']", "spec.mounts[0]: expected an absolute path, got `a`"),
        ("mounts: ['/a:/b', '/c:/b']", "spec.mounts: /b is mounted twice, from /a and /c"),
        (
            "devices: ['/dev/a:/dev/x', '/dev/b:/dev/x']",
            "spec.devices: /dev/x is two devices, /dev/a and /dev/b; give one",
        ),
        ("hostName: " + "h" * 64, "spec.hostName: a host name has at most 63 characters; write a shorter one"),
        ("stop: {signal: SIGTREM}", "spec.stop.signal: there is no signal SIGTREM; did you mean `SIGTERM`?"),
        ("stop: {signal: SIGRTMIN+16}", "spec.stop.signal: there is no signal SIGRTMIN+16; did you mean `SIGRTMIN+"),
        (
            "stop: {signal: '65'}",
            "spec.stop.signal: there is no signal 65; expected a signal, for example SIGTERM or 15",
        ),
        (
            "capabilities: [NET_ADMN]",
            "spec.capabilities: Linux has no capability CAP_NET_ADMN; did you mean `NET_ADMIN`?",
        ),
        (
            "capabilities: [x]",
            "spec.capabilities: Linux has no capability CAP_X; see capabilities(7), for example CAP_",
        ),
        (
            "health: {exec: [a], startPeriod: 500us}",
            "spec.health.startPeriod: expected a duration of at least 1ms, or 0s",
        ),
        ("health: {exec: [a], interval: 999us}", "spec.health.interval: expected a duration of at least 1ms"),
        ("devices: [ttyS0]", "spec.devices[0]: expected an absolute path"),
        ("extraHosts: {a: nowhere}", "spec.extraHosts.a: `nowhere` is no address; expected an IP address"),
        ("extraHosts: [a]", "spec.extraHosts[0]: expected name:address"),
        ("restart: {maxRetries: 1}", "spec.restart.maxRetries: cannot use max retry count when the restart policy is"),
        (
            "restart: {timeout: 1s}",
            "spec.restart.timeout: has no effect when the restart policy is unless-stopped (warning)",
        ),
        ("privileged: true\n  devices: [/dev/a]", "spec.devices: cannot create the container as privileged and with"),
        ("network: host\n  ports: ['1:1']", "spec.ports: cannot use port mappings when in host network mode"),
        ("network: host\n  extraHosts: {a: host_ip_eth0}", "spec.extraHosts.a: cannot use the host_ip reserved key"),
    ],
)
def test_one_thing_wrong_gives_one_problem(line: str, expected: str) -> None:
    head = HEAD.replace("  image: nginx\n", "") if line.startswith("image") else HEAD
    (complaint,) = complaints(f"{head}  {line}\n")
    expected = expected.replace("5...", "spec.ports:")
    assert complaint.partition(": ")[2].startswith(expected)
    assert complaint.startswith("x.yaml:")


@pytest.mark.parametrize(
    ("line", "message", "instead"),
    [
        ("stableFor: 10", "stableFor: expected a duration, got the number 10", "10s"),
        ("stableFor: 1h30", "stableFor: the text `1h30` does not fit", "1h30m"),
        ("stableFor: 1m30", "stableFor: the text `1m30` does not fit", "1m30s"),
        ("stableFor: 1d12", "stableFor: the text `1d12` does not fit", "24h12h"),
        ("stableFor: '90'", "stableFor: the text `90` does not fit", "90s"),
        ("stableFor: 0.5", "stableFor: expected a duration, got the number 0.5", "0.5s"),
        ("stableFor: '10'", "stableFor: the text `10` does not fit", "10s"),
        ("stableFor: 3 s", "stableFor: the text `3 s` does not fit", "3s"),
        ("stableFor: 1 Hour 5min", "stableFor: the text `1 Hour 5min` does not fit", "1h5m"),
        ("stableFor: 2 days", "stableFor: the text `2 days` does not fit", "48h"),
        ("health: {tcp: {port: 1}, interval: 1}", "health.interval: expected a duration, got the number 1", "1s"),
        ("resources: {memory: 67108864}", "resources.memory: expected a size, got the number 67108864", "64M"),
        (
            "resources: {memory: 67109000}",
            "resources.memory: expected a size, got the number 67109000",
            "65536.1328125K",
        ),
        ("resources: {memory: '67108864'}", "resources.memory: the text `67108864` does not fit", "64M"),
        ("resources: {memory: 64MiB}", "resources.memory: the text `64MiB` does not fit", "64M"),
        ("resources: {memory: 96MB}", "resources.memory: the text `96MB` does not fit", "96M"),
        ("resources: {memory: 96Mi}", "resources.memory: the text `96Mi` does not fit", "96M"),
        ("resources: {memory: 1.5 gb}", "resources.memory: the text `1.5 gb` does not fit", "1.5G"),
        ("resources: {memory: 1T}", "resources.memory: the text `1T` does not fit", "1024G"),
        ("resources: {memorySwap: 512MB}", "resources.memorySwap: the text `512MB` does not fit", "512M"),
        ("resources: {memorySwap: -1}", "resources.memorySwap: expected a size, got the number -1", "unlimited"),
    ],
)
def test_what_can_be_meant_by_a_quantity_is_said_and_is_valid(line: str, message: str, instead: str) -> None:
    assert complaints(f"{HEAD}  {line}\n")[0].partition(": ")[2] == f"spec.{message}; write `{instead}`"
    better = re.sub(r": [^:{}]+(?=}?$)", f": {instead}", line)
    assert [text for text in complaints(f"{HEAD}  {better}\n") if "memory must be set" not in text] == []


def test_a_small_number_is_no_size_in_bytes() -> None:
    (complaint,) = complaints(f"{HEAD}  resources: {{memory: 64}}\n")
    assert complaint.endswith("expected a size, got the number 64; write a unit, for example `64M`")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("restart: always", "restart: {policy: always}"),
        ("restart: no", "restart: {policy: no}"),
        ("log: none", "log: {driver: none}"),
    ],
)
def test_what_can_be_meant_by_a_word_is_said_and_is_valid(line: str, instead: str) -> None:
    (complaint,) = complaints(f"{HEAD}  {line}\n")
    assert complaint.endswith(f"; write `{instead}`")
    assert complaints(f"{HEAD}  {instead}\n") == []


@pytest.mark.parametrize("text", ["echo 'never closed", "word " * 20, "", "login --password=hunter2"])
@pytest.mark.parametrize("line", ["command: {}", "health: {{exec: {}}}"])
def test_no_word_of_a_command_is_repeated(line: str, text: str) -> None:
    (complaint,) = complaints(f"{HEAD}  {line.format(json.dumps(text))}\n")
    assert complaint.endswith(": expected a list, got a text; write a list with an entry for each word")


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("volumes", "mounts"),
        ("volumeMounts", "mounts"),
        ("livenessProbe", "health"),
        ("readinessProbe", "health"),
        ("healthcheck", "health"),
        ("environment", "env"),
        ("imagePullPolicy", "pullPolicy"),
        ("depends_on", "dependsOn"),
        ("run_once", "runOnce"),
        ("labels", "metadata.labels"),
        ("container_name", "metadata.name"),
        ("stop_grace_period", "stop.timeout"),
        ("stop_signal", "stop.signal"),
        ("mem_limit", "resources.memory"),
        ("mem_reservation", "resources.memoryReservation"),
        ("memswap_limit", "resources.memorySwap"),
    ],
)
def test_keys_of_others_lead_to_ours(key: str, instead: str) -> None:
    (complaint,) = complaints(f"{HEAD}  {key}: x\n")
    assert complaint.endswith(f"unknown key `{key}`; did you mean `{instead}`?")


SECOND_HEAD = HEAD.replace("web", "job")


def test_conditions_of_dependencies_and_a_container_that_runs_once() -> None:
    long_form = "dependsOn: [{name: b, condition: started}, {name: a, condition: healthy}, {name: c}, d]"
    job = container(f"{HEAD}  runOnce: true\n  {long_form}\n")
    assert (job.depends_on, job.conditions) == (("a", "b", "c", "d"), (("b", "started"),))
    assert [condition_of(job, name) for name in "abcd"] == ["healthy", "started", "healthy", "healthy"]
    assert (job.run_once, job.restart) == (timedelta(minutes=10), Restart("no"))
    limited = container(f"{HEAD}  runOnce: {{timeout: 5s}}\n  restart: {{policy: on-failure, maxRetries: 2}}\n")
    assert (limited.run_once, limited.restart) == (timedelta(seconds=5), Restart("on-failure", 2))
    assert container(f"{HEAD}  runOnce: false\n") == container(HEAD)
    assert container(f"{HEAD}  dependsOn: [{{name: a}}]\n") == container(f"{HEAD}  dependsOn: [a]\n")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            "dependsOn: [{name: a, condition: service_started}]",
            (
                "spec.dependsOn[0].condition: expected one of completed, healthy, started; got the text `service_started`; "
                "did you mean `started`?"
            ),
        ),
        (
            "dependsOn: [{name: a, condition: service_completed_successfully}]",
            (
                "spec.dependsOn[0].condition: expected one of completed, healthy, started; got the text "
                "`service_completed_successfully`; did you mean `completed`?"
            ),
        ),
        (
            "dependsOn: {a: {condition: service_healthy}}",
            (
                "spec.dependsOn: expected a list, got a mapping; "
                "write a list with an entry `{name: …, condition: healthy}` for each"
            ),
        ),
        (
            "dependsOn: [a, b, {name: a, condition: started}]",
            "spec.dependsOn[2]: `a` stands here again, with another condition; leave it out; first at dependsOn[0]",
        ),
        ("dependsOn: [{name: web}]", "spec.dependsOn: a container cannot depend on itself"),
        ("dependsOn: [{name: a, restart: true}]", "spec.dependsOn[0].restart: unknown key `restart`; "),
        ("runOnce: 5m", "spec.runOnce: expected true or false or a mapping, got a text; write `runOnce: true`, or `"),
        (
            "runOnce: {timeout: 0s}",
            "spec.runOnce.timeout: expected a duration of at least 1ms; write for example `timeout: 10m`",
        ),
        (
            "runOnce: true\n  restart: {policy: unless-stopped}",
            (
                "spec.restart.policy: with the restart policy unless-stopped it would be started again after each end, and "
                "`runOnce` never be over; use `policy: on-failure`, or leave it out"
            ),
        ),
        (
            "runOnce: true\n  restart: {maxRetries: 3}",
            "spec.restart.maxRetries: cannot use max retry count when the restart policy is no; use `policy: on-failure`",
        ),
        (
            "runOnce: true\n  health: {tcp: {port: 80}}",
            (
                "spec.health: a container with `runOnce` is proven by its exit code, and not by a health check; "
                "leave out one of both"
            ),
        ),
        (
            "runOnce: true\n  stableFor: 5s",
            "spec.stableFor: has no effect with `runOnce`, whose end is the proof (warning); leave it out",
        ),
    ],
)
def test_order_that_cannot_be_had_is_told_with_a_way_out(lines: str, complaint: str) -> None:
    (told,) = complaints(f"{HEAD}  {lines}\n")
    assert complaint in told


def test_only_the_end_of_a_container_that_runs_once_can_be_waited_for() -> None:
    needy = f"{HEAD}  dependsOn: [{{name: job, condition: completed}}]\n"
    once = f"{needy}---\n{SECOND_HEAD}  runOnce: true\n"
    assert desired_from([decoded(once)])[1] == ()
    _, problems = desired_from([decoded(f"{needy}---\n{SECOND_HEAD}")])
    assert [problem_text(each) for each in problems] == [
        (
            "x.yaml:6:3: spec.dependsOn: `job` does not run once, so that it is never completed; "
            "write `condition: healthy`, or `runOnce: true` at x.yaml:8:1"
        )
    ]
    system = SYSTEM.replace("names: [", "names: [job, ").replace(", web", "")
    _, problems = desired_from([decoded(needy), decoded(system, "y.yaml")])
    assert [problem_text(each) for each in problems] == [
        (
            "x.yaml:6:3: spec.dependsOn: `job` is a system container, of which evenkeel knows only whether it runs; "
            "write its name alone, without `condition: completed`"
        )
    ]


def test_the_gateway_of_compose_leads_to_ours() -> None:
    (complaint,) = complaints(f'{HEAD}  extraHosts: ["a:host-gateway"]\n')
    assert complaint.endswith("`host-gateway` is no address; did you mean `host_ip`?")


@pytest.mark.parametrize(
    "value", ["${PASS}", "x-${PASS}", "${TZ:-Europe/Berlin}", "${A-}", "${A:?needed}", "${A:+b}", "${A=b}"]
)
def test_what_nobody_fills_in_is_told_without_its_value(value: str) -> None:
    """A user of compose ships it as it is (B11)."""
    (complaint,) = complaints(f'{HEAD}  env: {{PASS: "{value}"}}\n')
    assert complaint == (
        "x.yaml:6:9: spec.env.PASS: `${…}` is filled in by nobody here; the container gets it as it is written (warning); "
        "write the value itself"
    )


@pytest.mark.parametrize("value", ["$PASS", "a{b}", "$${PASS}", "${}", "${1}", "$ {A}", "a$b{c}", "${A", "p${A%b}"])
def test_what_is_no_variable_of_compose_is_no_doubt(value: str) -> None:
    assert complaints(f'{HEAD}  env: {{PASS: "{value}"}}\n') == []


@pytest.mark.parametrize("more", ["", "version: '3'\n", "name: a\nnetworks: {}\nx-own: 1\n"])
def test_a_compose_file_is_called_one(more: str) -> None:
    text = f"{more}services:\n  web: {{image: nginx, privileged: sometimes}}\n"
    (complaint,) = complaints(text)
    assert complaint == (
        f"x.yaml:{more.count(chr(10)) + 1}:1: services: this is a compose file, which evenkeel does not read; "
        "write a document of kind `Container` for each of its services"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "x.yaml:1:1: expected a mapping with `apiVersion`, `kind`, `metadata` and `spec`"),
        ("web", "x.yaml:1:1: expected a mapping"),
        ("kind: Container", "x.yaml:1:1: the key `spec` is missing; write `spec:`"),
        (
            HEAD.replace("/v1", "/v2"),
            "x.yaml:1:1: apiVersion: unknown version, the text `evenkeel/v2`; write `apiVersion: ",
        ),
        (HEAD.replace("Container", "Contaner"), "x.yaml:2:1: kind: unknown kind, the text `Contaner`; did you mean"),
        (HEAD.replace("Container", "[1]"), "x.yaml:2:1: kind: unknown kind, a list"),
        (HEAD + "status: {}\n", "x.yaml:6:1: status: unknown key `status`; expected one of"),
        (HEAD.replace("{name: web}", "{}"), "x.yaml:3:1: metadata: the key `name` is missing"),
        (HEAD.replace("{name: web}", '{name: "web\\n"}'), "x.yaml:3:12: metadata.name: the text `web\\n` does not fit"),
        (HEAD.replace("{name: web}", "web"), "x.yaml:3:1: metadata: expected a mapping with `name`, `labels`, got"),
    ],
)
def test_a_document_must_say_what_it_is(text: str, expected: str) -> None:
    assert any(complaint.startswith(expected) for complaint in complaints(text)), complaints(text)


def test_a_warning_does_not_prevent_anything() -> None:
    result = decoded(f"{HEAD}  ports: ['localhost:55555:30555-30555/tcp']\n")
    (document,) = result.documents
    assert isinstance(document.wanted, Container)
    assert document.wanted.ports == (Port(30555, 55555, "127.0.0.1", 30555),)
    (problem,) = result.problems
    assert problem.severity == "warning"
    assert problem.hint == "write 127.0.0.1:30555:55555/tcp"
    assert errors(result.problems) == ()


def test_the_lines_of_values_are_kept() -> None:
    (document,) = decoded(
        f"{HEAD}  resources:\n    memory: 64M\n  env:\n    - RUST_LOG=info\n  ports: ['1:1']\n"
    ).documents
    assert document.place == Place("x.yaml", 1, 1)
    assert asked_at(document, "resources.memory") == Place("x.yaml", 7, 5)
    assert asked_at(document, "resources.memorySwap") == Place("x.yaml", 6, 3)
    assert asked_at(document, "env.RUST_LOG") == Place("x.yaml", 9, 7)
    assert asked_at(document, "ports") == Place("x.yaml", 10, 3)
    assert asked_at(document, "hostName") == Place("x.yaml", 1, 1)


def test_a_merged_value_has_the_line_where_it_was_written() -> None:
    text = f"{HEAD}  env: &env {{A: '1'}}\n---\n{HEAD.replace('web', 'b')}  env: {{<<: {{A: '2'}}}}\n"
    first, second = decoded(text).documents
    assert (first.lines["env.A"], second.lines["env.A"]) == ((6, 14), (13, 14))


ONE_FAULT = (
    "  user: me\n",
    "  imagee: x\n",
    "  stableFor: soon\n",
    "  health: {http: {port: 80}, tcp: {port: 80}, interval: 0s}\n",
    "  dependsOn: [nope]\n",
    "  ports: ['8080:80', '8080:81', 'x']\n",
    "  restart: {policy: 'no', maxRetries: 3}\n",
)
OTHER = HEAD.replace("web", "other") + "  ports: ['8080:80']\n"


def said_of(*specs: str) -> set[str]:
    """All that is said of files of these specs, without lines."""
    files = [decoded(spec, f"{index}.yaml") for index, spec in enumerate(specs)]
    return {f"{problem.path}: {problem.message}" for problem in desired_from(files)[1]}


def test_what_is_wrong_alone_is_said_whatever_else_is_wrong() -> None:
    """S12: names, dependencies and ports were looked at once the documents themselves were correct."""
    alone = [said_of(HEAD + fault, OTHER) for fault in ONE_FAULT]
    assert all(alone)
    twice = said_of(HEAD, HEAD, OTHER)
    together = said_of(HEAD + "".join(ONE_FAULT), HEAD + ONE_FAULT[0], OTHER)
    assert set().union(twice, *alone) <= together
    assert {": Container `web` is asked for twice", "spec.dependsOn: no container `nope` is asked for"} <= together
    assert "spec.health.interval: expected a duration of at least 1ms" in together


def test_a_broken_document_says_nothing_that_is_not_sure() -> None:
    """Neither of the name that nobody can read, nor of the kind, nor of what depends on either."""
    nameless = HEAD.replace("web", "a b") + ONE_FAULT[4]
    assert not [text for text in said_of(nameless, nameless) if "twice" in text or "nope" in text]
    kindless = HEAD.replace("kind: Container", "kind: Thing")
    needy = HEAD.replace("web", "needy") + "  dependsOn: [web]\n"
    assert said_of(kindless, kindless, needy) == {"kind: unknown kind, the text `Thing`"}
    system = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: s}\nspec: {names: [web], more: 1}\n"
    assert not [text for text in said_of(system, needy) if "web" in text]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("user: me", "spec.user: unknown key `user`; evenkeel has no such thing: the image says who runs it"),
        ("entrypoint: [a]", "evenkeel has no such thing: the image's own is used, and `command` is its arguments"),
        ("read_only: true", "evenkeel has no such thing: a mount may be `readOnly`"),
        ("readOnly: true", "evenkeel has no such thing: a mount may be `readOnly`"),
        ("shm-size: 1M", "spec.shm-size: unknown key `shm-size`; evenkeel has no such thing"),
        ("resources: {cpus: 1}", "spec.resources.cpus: unknown key `cpus`; evenkeel has no such thing: the limits are"),
        ("log: {user: me}", "spec.log.user: unknown key `user`; expected one of"),
    ],
)
def test_what_others_can_ask_for_and_nobody_here_is_known(more: str, told: str) -> None:
    """S12, U5: the nearest key is no answer to what has no like."""
    (said,) = complaints(f"{HEAD}  {more}\n")
    assert told in said


def test_what_is_lacking_is_no_key_of_a_container() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(ContainerSpec)}
    assert [name for name in sorted(fields) if for_lacking(name, tuple(fields))] == []


def test_a_name_can_be_asked_for_once() -> None:
    state, problems = desired_from([decoded(HEAD, "a.yaml"), decoded(HEAD, "b.yaml")])
    assert [problem_text(problem) for problem in problems] == [
        "b.yaml:1:1: Container `web` is asked for twice; first at a.yaml:1:1"
    ]
    assert len(state.documents) == 1


def test_dependencies_must_exist_and_must_not_circle() -> None:
    a, b = (HEAD.replace("web", name) + f"  dependsOn: [{other}]\n" for name, other in (("a", "b"), ("b", "a")))
    _, problems = desired_from([decoded(f"{a}---\n{b}")])
    assert [problem_text(problem) for problem in problems] == [
        "x.yaml:6:3: spec.dependsOn: depends on itself: a → b → a; remove one of these"
    ]
    _, problems = desired_from([decoded(a.replace("[b]", "[aa]"))])
    assert [problem_text(problem) for problem in problems] == [
        "x.yaml:6:3: spec.dependsOn: no container `aa` is asked for; ask for it, or leave it out"
    ]
    other = HEAD.replace("web", "ab")
    _, problems = desired_from([decoded(a.replace("[b]", "[abc]")), decoded(other, "y.yaml")])
    assert [problem.hint for problem in problems] == ["did you mean `ab`?"]


def depending(**needs: str) -> str:
    """Documents of six lines each."""
    return "---\n".join(f"{HEAD.replace('web', name)}  dependsOn: [{needed}]\n" for name, needed in needs.items())


def test_every_circle_is_found_at_once() -> None:
    text = depending(a="b", b="a", c="d, a", d="e", e="c, d", f="a, c", g="h, i", h="i", i="g")
    _, problems = desired_from([decoded(text)])
    assert [problem_text(problem) for problem in problems] == [
        "x.yaml:6:3: spec.dependsOn: depends on itself: a → b → a; remove one of these",
        "x.yaml:20:3: spec.dependsOn: depends on itself: c → d → e → c; remove one of these",
        "x.yaml:48:3: spec.dependsOn: depends on itself: g → i → g; remove one of these",
    ]


@given(st.dictionaries(st.integers(0, 9), st.lists(st.integers(0, 10), max_size=4), max_size=10))
def test_a_circle_is_found_wherever_there_is_one(graph: dict[int, list[int]]) -> None:
    needs = {str(name): [str(each) for each in needed if each != name] for name, needed in graph.items()}
    try:
        TopologicalSorter(needs).prepare()
        assert cycles(needs) == []
    except CycleError:
        assert cycles(needs) != []
    ways = cycles(needs)
    for way in ways:
        assert all(after in needs[before] for before, after in pairwise((*way, way[0])))
        assert len(set(way)) == len(way) > 1
    assert len({name for way in ways for name in way}) == sum(map(len, ways)), "a name belongs to one group"
    # what is left when one way of each group is cut leads round in fewer names: at the end there is none
    left = dict(needs)
    while found := cycles(left):
        for way in found:
            left[way[0]] = []
    TopologicalSorter(left).prepare()


def test_circles_are_found_in_a_time_that_grows_with_the_graph() -> None:
    many = 30_000
    chain = {str(number): [str(number + 1)] for number in range(many)}
    started = time.process_time()
    assert cycles(chain) == []
    assert len(cycles({**chain, str(many): ["0"]})) == 1
    assert len(cycles({str(number): [str(number ^ 1)] for number in range(many)})) == many // 2
    assert time.process_time() - started < 5


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGIOT", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMIN", "'1'", "'64'"])
def test_signals_have_names_and_numbers(signal: str) -> None:
    assert container(f"{HEAD}  stop: {{signal: {signal}}}\n").stop.signal == signal.strip("'")


def test_capabilities_go_with_and_without_prefix() -> None:
    assert container(f"{HEAD}  capabilities: [all, sys_admin, CAP_BPF]\n").capabilities == (
        "ALL",
        "CAP_BPF",
        "CAP_SYS_ADMIN",
    )


def test_labels_of_evenkeel_are_its_own() -> None:
    text = HEAD.replace("{name: web}", "{name: web, labels: {mine: x, dev.evenkeel.owner: y}}")
    assert complaints(text) == [
        (
            "x.yaml:3:41: metadata.labels.dev.evenkeel.owner: labels that begin with `dev.evenkeel.` are evenkeel's own; "
            "give it another name"
        ),
    ]


def port_problems(one: str, other: str, *more: str) -> list[str]:
    files = [
        decoded(f"{HEAD.replace('web', 'a')}  ports: [{one}]\n", "a.yaml"),
        decoded(f"{HEAD.replace('web', 'b')}  ports: [{other}]\n", "b.yaml"),
        *(decoded(text, "c.yaml") for text in more),
    ]
    return sorted(problem_text(problem) for problem in desired_from(files)[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8080:80", "8080:81"),
        ("127.0.0.1:8080:80", "8080:80"),
        ("0.0.0.0:8080:80", "127.0.0.1:8080:80"),
        ("1:1, 8080:80", "{hostPort: 8080, containerPort: 1}"),
    ],
)
def test_two_containers_cannot_have_one_port(one: str, other: str) -> None:
    message = "spec.ports: host port 8080/tcp is taken by"
    hint = "too; give one of them another; the other one is at"
    assert port_problems(one, other) == [
        f"a.yaml:6:3: {message} `b`, {hint} b.yaml:6:3",
        f"b.yaml:6:3: {message} `a`, {hint} a.yaml:6:3",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8080:80", "8081:80"),
        ("8080:80/udp", "8080:80"),
        ("127.0.0.1:8080:80", "127.0.0.2:8080:80"),
        ("'[::]:8080:80'", "8080:80"),
        ("8080-8090:80", "8080:80"),
    ],
)
def test_two_containers_may_have_ports_that_differ(one: str, other: str) -> None:
    assert port_problems(one, other) == []


def test_components_of_one_desired_state_are_told_once() -> None:
    """By who reads it, because messages are read, too."""
    component = (
        '{"id": "%s", "version": "1", "config": [{"key": "image", "value": "x:1"}, {"key": "port", "value": "%s"}]}'
    )
    state = '{"domains": [{"id": "containers", "config": [{"key": "systemContainers", "value": "%s"}], "components": [%s]}]}'
    both = ", ".join(component % (name, "80:80") for name in "pq")
    files = [decoded(state % ("", both), "k.json")]
    assert [problem_text(problem) for problem in desired_from(files)[1]] == [
        "k.json:1:193: domains[0].components[0].config[1].value: host port 80/tcp is taken by q, too; give one of them another",
        "k.json:1:303: domains[0].components[1].config[1].value: host port 80/tcp is taken by p, too; give one of them another",
    ]
    assert not desired_from([decoded(state % ("q", both), "k.json")])[1]
    found = port_problems("80:80", "81:81", state % ("", component % ("p", "80:80")))
    assert [text.partition(";")[0] for text in found] == [
        "a.yaml:6:3: spec.ports: host port 80/tcp is taken by `p`, too",
        "c.yaml:1:193: host port 80/tcp is taken by `a`, too",
    ]


SYSTEM = "apiVersion: evenkeel/v1\nkind: SystemContainers\nmetadata: {name: platform}\nspec:\n  names: [sua, web]\n"


def test_what_is_protected_cannot_be_asked_for() -> None:
    files = [decoded(SYSTEM, "a.yaml"), decoded(HEAD, "b.yaml")]
    message = "`web` is asked for as a container and declared a system container, which is never touched"
    for one in (files, files[::-1]):
        assert sorted(problem_text(problem) for problem in desired_from(one)[1]) == [
            f"a.yaml:5:3: spec.names: {message}; remove its name here, or it at b.yaml:1:1",
            f"b.yaml:1:1: {message}; remove it here, or its name at a.yaml:5:3",
        ]


KANTO = """\
{"domains": [{"id": "containers", "config": [{"key": "systemContainers", "value": "%s"}],
  "components": [{"id": "web", "version": "1", "config": [{"key": "image", "value": "nginx:1"}]}]}]}
"""


def test_a_kanto_desired_state_may_name_its_system_containers_among_its_components() -> None:
    assert not desired_from([decoded(KANTO % "web")])[1]
    assert len(desired_from([decoded(KANTO % "other"), decoded(SYSTEM, "y.yaml")])[1]) == 2
    assert (
        len(desired_from([decoded(KANTO.replace('"id": "web"', '"id": "app"') % "web"), decoded(HEAD, "y.yaml")])[1])
        == 2
    )


def test_what_is_protected_can_be_depended_on() -> None:
    assert not desired_from([decoded(SYSTEM.replace(", web", "")), decoded(f"{HEAD}  dependsOn: [sua]\n")])[1]
    _, problems = desired_from([decoded(SYSTEM.replace(", web", "")), decoded(f"{HEAD}  dependsOn: [suaa]\n")])
    assert [problem.hint for problem in problems] == ["did you mean `sua`?"]


def test_a_container_that_cannot_be_read_is_not_called_missing() -> None:
    broken = HEAD.replace("web", "b") + "  ports: 1\n"
    _, problems = desired_from([decoded(f"{HEAD}  dependsOn: [b]\n---\n{broken}")])
    assert [problem.path for problem in problems] == ["spec.ports"]


@pytest.mark.parametrize(
    "broken",
    [
        HEAD.replace("web", "b") + "  ports: 1\n",
        HEAD.replace("web", "b") + "  ports: [x]\n",
        HEAD.replace("web", "b").replace("Container", "Contaner"),
        HEAD.replace("web", "b").partition("spec:")[0],
    ],
)
def test_who_is_missing_is_said_although_another_document_is_wrong(broken: str) -> None:
    _, problems = desired_from([decoded(f"{HEAD}  dependsOn: [gone, b]\n"), decoded(broken, "y.yaml")])
    assert [problem.message for problem in problems if problem.path == "spec.dependsOn"] == [
        "no container `gone` is asked for"
    ]
    assert len(problems) == 2


@pytest.mark.parametrize("broken", [HEAD.replace("{name: web}", "{}"), "kind: [\n", "[]\n", '{"domains": [{"id": 1}]}'])
def test_nobody_is_called_missing_while_a_name_is_not_known(broken: str) -> None:
    files = [decoded(f"{HEAD}  dependsOn: [gone]\n"), decoded(broken, "y.yaml")]
    assert not [problem for problem in desired_from(files)[1] if problem.path == "spec.dependsOn"]
    assert not desired_from(files[:1], complete=False)[1]


def test_a_digest_names_content_and_nothing_else() -> None:
    other = HEAD.replace("web", "other")
    one, _ = desired_from([decoded(f"# a comment\n{HEAD}---\n{other}")])
    two, _ = desired_from([decoded(other, "b.yaml"), decoded(f"{HEAD}  env: {{}}\n", "c.yaml")])
    three, _ = desired_from([decoded(other), decoded(f"{HEAD}  env: {{A: ''}}\n")])
    assert one.digest == two.digest != three.digest


def test_system_containers_are_a_kind() -> None:
    (document,) = decoded(
        "{apiVersion: evenkeel/v1, kind: SystemContainers, metadata: {name: x}, spec: {names: [b, a, b]}}"
    ).documents
    assert document.wanted == SystemContainers(("a", "b"))


def test_a_text_that_cannot_be_written_again_is_not_read() -> None:
    text = '{"apiVersion":"evenkeel/v1","kind":"Container","metadata":{"name":"a"},"spec":{"image":"x","command":["\\ud800"]}}'
    result = decoded(text, "x.json")
    assert [problem_text(problem) for problem in result.problems] == [
        f"x.json:1:{text.index('[') + 2}: spec.command[0]: half of a surrogate pair is no character"
    ]
    assert desired_from([result])[0].documents == ()


def test_nouns_survive_json() -> None:
    noun = container(f"{HEAD}  health: {{exec: [true-ish]}}\n")
    assert noun.health is not None
    assert noun.health.probe == ExecProbe(("true-ish",))
    assert decode(encode(noun), Container) == noun
    assert plain(noun)["image"] == "docker.io/library/nginx:latest"
    assert changed(noun, name="b").name == "b"
    with pytest.raises(ValueError, match="missing required field"):
        decode(b"{}", Container)


def _types(kind: inspect.Type) -> list[inspect.Type]:
    """A type and all types in it."""
    parts: list[Any] = [kind]
    if isinstance(kind, inspect.StructType):
        parts += [each for field in kind.fields for each in _types(field.type)]
    for name in ("type", "item_type", "key_type", "value_type"):
        if isinstance(inner := getattr(kind, name, None), inspect.Type):
            parts += _types(inner)
    for inner in getattr(kind, "types", ()):
        parts += _types(inner)
    return parts


def test_every_pattern_that_people_can_miss_has_words() -> None:
    kinds = [each for kind in (*KINDS.values(),) for each in _types(inspect.type_info(kind.spec))]
    kinds += _types(inspect.type_info(MetadataSpec))
    patterns = {kind.pattern for kind in kinds if isinstance(kind, inspect.StrType) and kind.pattern}
    assert len(patterns) >= 5
    assert [pattern for pattern in patterns if "expected the form" in for_pattern(pattern)] == []


def test_nothing_written_is_lost_on_the_way_through_msgspec() -> None:
    """The walker's shapes and msgspec's agree: what it lets pass, msgspec converts."""
    for text in (f"{HEAD}  env: {{A: null}}\n", f"{HEAD}  command: []\n  log: {{}}\n"):
        msgspec.convert(plain(container(text)), Container)


@given(st.text(st.characters()), st.text(st.characters()))
def test_every_text_can_be_encoded(text: str, other: str) -> None:
    """Also what UTF-8 cannot express, from JSON or from the names of files."""
    container = Container(text, other, env=((other, text),), labels=((text, other),))
    again = decode(encode(container), Container)
    assert decode(encode(again), Container) == again
    for each in (text, other):
        try:
            each.encode()
        except UnicodeEncodeError:
            continue
        assert each in (again.name, again.image)
    assert isinstance(str(EvenkeelError(text, other)).encode(), bytes)


@given(st.text(st.characters()), st.booleans())
def test_json_of_others_has_only_texts_that_can_be_encoded(text: str, ascii_only: bool) -> None:
    content = json.dumps({text: [text]}, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    try:
        found = foreign_json(content)
    except ValueError:
        assert not ascii_only, "raw halves are no UTF-8"
        return
    ((key, (value,)),) = found.items()
    assert key == value == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: a}\nspec: {image: x}\nspec: {x: 1}\n",
            ["a.yaml:5:1: spec: the key `spec` stands here again; first at a.yaml:4:1"],
        ),
        ('{"a":1,"a":2}', ["a.yaml:1:8: a: the key `a` stands here again; first at a.yaml:1:2"]),
        (
            "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: a}\nspec: {env: {A: 1}, env: {A: x}}\n",
            [
                "a.yaml:4:1: spec: the key `image` is missing",
                "a.yaml:4:21: spec.env: the key `env` stands here again; first at a.yaml:4:8",
            ],
        ),
    ],
)
def test_of_a_key_that_stands_there_twice_only_that_is_said(content: str, expected: list[str]) -> None:
    """N26: the last of two was read, and what it lacks was said, too."""
    found = decode_file(content.encode(), "a.yaml")
    assert [problem_text(each) for each in found.problems] == expected
    assert (found.documents, found.nothing) == ((), ()), "it asks for something, and nobody knows for what"


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: x}]\n"
QUADLET = "# a quadlet\n\n[Unit]\nDescription=web\n\n[Container]\nImage=web:1\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (POD, "a.yaml:2:1: kind: this is a Pod of Kubernetes, which evenkeel does not read"),
        (QUADLET, "a.yaml:3:1: this is a quadlet file of systemd, which evenkeel does not read"),
    ],
)
def test_what_is_of_another_program_is_called_so(content: str, expected: str) -> None:
    """N24: as a compose file is; it was complained of key by key."""
    (told,) = (problem_text(each) for each in decode_file(content.encode(), "a.yaml").problems)
    assert told.startswith(f"{expected}; write a document of kind `Container` for each")


def test_a_list_of_comments_and_blank_lines_is_looked_through_at_once() -> None:
    began = time.perf_counter()
    decode_file(b"#\n \t\n" * 100_000 + b"[", "a.yaml")
    assert time.perf_counter() - began < 5


def spec_problems(spec: str) -> list[str]:
    content = f"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {{name: a}}\nspec: {{image: x, {spec}}}\n"
    return [problem_text(each).partition(": ")[2] for each in decode_file(content.encode(), "a.yaml").problems]


def test_a_port_alone_is_shown_as_it_is_written() -> None:
    """N24."""
    assert spec_problems("ports: [8080]") == [
        'spec.ports[0]: expected a text or a mapping, got a number; write "8080:8080"'
    ]


@pytest.mark.parametrize(
    ("spec", "warned"),
    [
        ('env: {A: "{{ inventory.host }}"}', "spec.env.A: `{{ … }}` is filled in by nobody here"),
        ('env: {A: "${X}"}', "spec.env.A: `${…}` is filled in by nobody here"),
        ('command: [serve, "--at=${X}"]', "spec.command[1]: `${…}` is filled in by nobody here"),
        ('command: [sh, -c, "echo ${X}"]', ""),
        ('command: [sh, -ec, "echo ${X}"]', ""),
        ('env: {A: \'{"a": {"b": {}}}\'}', ""),
        ('command: [serve, "$X"]', ""),
    ],
)
def test_what_nobody_fills_in_is_doubted(spec: str, warned: str) -> None:
    """N25: the words of a command, and `{{ … }}`, passed without a word."""
    found = spec_problems(spec)
    assert [each.partition(";")[0] for each in found] == ([warned] if warned else [])
    assert all(" (warning); write the value itself" in each for each in found)
