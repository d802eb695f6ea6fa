"""Texts with which a real engine refused (measured, dockerd 20.10.24) → whether another try may help, and whose fault it is."""

from __future__ import annotations

import pytest

from evenkeel.controller.drivers.containers.docker.refusals import outcome, without_values
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.plan import Failed, Retry

_RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
_PORTS = "driver failed programming external connectivity on endpoint c27x (d16472665e24ae17): "
FINAL = [
    "invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
    "invalid mount config for type \"bind\": invalid mount path: 'x/y' mount path must be absolute",
    'invalid mount config for type "bind": invalid propagation mode: foo',
    (
        'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the '
        'daemon root, daemon root: "/var/lib/docker", bind mount source: "/", propagation: "rprivate"'
    ),
    "Duplicate mount point: /m",
    'invalid port specification: "70000"',
    "No command specified",
    "the working directory 'relative' is invalid, it needs to be an absolute path",
    'invalid CapAdd: unknown capability: "CAP_FLY"',
    "Minimum memory limit allowed is 6MB",
    "Minimum memoryswap limit should be larger than memory limit, see usage",
    "Minimum memory limit can not be less than memory reservation limit, see usage",
    "You should always set the Memory limit when using Memoryswap limit, see usage",
    "invalid restart policy 'sometimes'",
    "maximum retry count cannot be used with restart policy 'always'",
    "unknown log opt 'nope' for json-file log driver",
    'error looking up logging plugin nope: plugin "nope" not found',
    "Invalid signal: SIGNOPE",
    "Interval in Healthcheck cannot be less than 1ms",
    "invalid environment variable: =x",
    'bad format for add-host: "x"',
    'invalid IP address in add-host: "1.2.3"',
    "invalid reference format: repository name must be lowercase",
    "Invalid container name (a!), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
    _RUNC + 'exec: "nope": executable file not found in $PATH: unknown',
    _RUNC + 'exec: "/nope": stat /nope: no such file or directory: unknown',
    _RUNC + 'exec: "/bin": permission denied: unknown',
    _RUNC + "error during container init: sethostname: invalid argument: unknown",
    "unable to find user nobodythere: no matching entries in passwd file",
    "failed to initialize logging driver: invalid size: 'x'",
    "failed to initialize logging driver: max-file cannot be less than 1",
    "bad format for links: a:b:c",
]
OUTSIDE = [
    'invalid mount config for type "bind": bind source path does not exist: /nope',
    _RUNC
    + 'error during container init: error mounting "/etc/passwd" to rootfs at "/bin": mount /etc/passwd:/bin (via '
    "/proc/self/fd/6), flags: 0x5000: not a directory: unknown: Are you trying to mount a directory onto a file (or "
    "vice-versa)? Check if the specified host path exists and is the expected type",
    "path / is mounted on / but it is not a shared or slave mount",
    "path / is mounted on / but it is not a shared mount",
    'error gathering device information while adding custom device "/dev/nope": no such file or directory',
    'error gathering device information while adding custom device "/etc/passwd": not a device node',
    _PORTS + "Error starting userland proxy: listen tcp4 0.0.0.0:37965: bind: address already in use",
    _PORTS + "Bind for 0.0.0.0:37965 failed: port is already allocated",
    _PORTS + "Error starting userland proxy: listen tcp4 10.99.99.99:21080: bind: cannot assign requested address",
    "network f7e8aaaa13f3291c28385749aa99e0017dc00c55d363f0e1cd87da173b1bc271 not found",
    "network nx is ambiguous (2 matches found on name)",
    "Pool overlaps with other one on this address space",
    "write /d/overlay2/66a7-init/link: no space left on device",
    (
        "failed to create endpoint pre on network nx: failed to save bridge endpoint e1b6b96 to store: failed to update bridge "
        "store for object type *bridge.bridgeEndpoint: write /d/network/files/local-kv.db: no space left on device"
    ),
    "Cannot update container 2912: write /d/containers/2912/.tmp-config.v2.json791403251: no space left on device",
    'driver "overlay2" failed to remove root filesystem: input/output error',
    'driver "overlay2" failed to remove root filesystem: unlinkat /d/diff: device or resource busy',
    "fork/exec /usr/bin/containerd-shim-runc-v2: resource temporarily unavailable: unknown",
    "fork/exec /usr/bin/containerd-shim-runc-v2: cannot allocate memory: unknown",
    "open /proc/self/fd: too many open files",
    (
        'Get "https://reg.example/v2/": x509: certificate has expired or is not yet valid: current time 1970-01-01T00:01:02Z '
        "is before 2026-01-01T00:00:00Z"
    ),
]
PASSING = [
    "boom",
    "",
    "Internal Server Error",
    "<html><body><h1>502 Bad Gateway</h1></body></html>",
    "refused by a policy of an authorization plugin",
    "context deadline exceeded",
    "No such container: web",
    "No such image: nope:1",
    'Conflict. The container name "/holder" is already in use by container "5c5b". You have to remove (or rename) it.',
    "removal of container 5c5b is already in progress",
    "container is marked for removal and cannot be started",
    "database is locked",
    "failed to create shim task: context canceled: unknown",
    "failed to create shim task: task 6fe4: already exists",
    _RUNC + "unable to apply caps: operation not permitted: unknown",
    _PORTS + 'Error starting userland proxy: exec: "docker-proxy": executable file not found in $PATH',
    "json: cannot unmarshal string into Go struct field UpdateConfig.Memory of type int64",
    (
        "Cannot update container b7a5: Memory limit should be smaller than already set memoryswap limit, update the memoryswap "
        "at the same time"
    ),
]


@pytest.mark.parametrize("message", FINAL)
def test_a_mistake_of_the_spec_is_final(message: str) -> None:
    assert outcome(message) == Failed(message)


@pytest.mark.parametrize("message", OUTSIDE)
def test_a_cause_outside_of_the_container_may_pass(message: str) -> None:
    assert outcome(message) == Retry(message, outside=True)


@pytest.mark.parametrize("message", PASSING)
def test_all_that_is_not_known_may_pass(message: str) -> None:
    assert outcome(message) == Retry(message)


@pytest.mark.parametrize(
    ("program", "mounted", "may_come"),
    [
        ('"/opt/tool/run": stat /opt/tool/run: no such file or directory', ["/opt/tool"], True),
        ('"/opt/tool/run": permission denied', ["/data", "/opt"], True),
        ('"run": executable file not found in $PATH', ["/opt/tool"], True),
        ('"/opt/tool/run": stat /opt/tool/run: no such file or directory', ["/opt/tools", "/data"], False),
        ('"/opt/tool/run": permission denied', [], False),
        ('"run": executable file not found in $PATH', [], False),
    ],
)
def test_a_program_that_the_host_brings_may_come_late(program: str, mounted: list[str], may_come: bool) -> None:
    message = f"{_RUNC}exec: {program}: unknown"
    assert outcome(message, mounted) == (Retry(message, outside=True) if may_come else Failed(message))


NOT_THERE, WHOLE = (
    f"its program{each} is not in the container" for each in (" /bin/nope", ", which is the whole command,")
)
NOT_RUN = "failed to create shim: OCI runtime create failed: unable to start container process: exec: "


@pytest.mark.parametrize(
    ("command", "message", "said"),
    [
        (("/bin/nope",), f'{NOT_RUN}"/bin/nope": stat /bin/nope: no such file or directory', NOT_THERE),
        (("nope", "hunter2"), f'{NOT_RUN}"nope": executable file not found in $PATH', NOT_THERE.replace("/bin/", "")),
        (("/etc/passwd",), f'{NOT_RUN}"/etc/passwd": permission denied', "its program /etc/passwd may not be executed"),
        (("serve --token hunter2",), f'{NOT_RUN}"serve --token hunter2": executable file not found in $PATH', WHOLE),
        ((), f'{NOT_RUN}"/entry": permission denied', f'{NOT_RUN}"/entry": permission denied'),
    ],
)  # fmt: skip
def test_a_program_that_is_not_there_is_named(command: tuple[str, ...], message: str, said: str) -> None:
    """N9: it read `exec: "(command[0])": stat (command[0]): no such file or directory`."""
    assert without_values(message, normal(Container("web", "web:1", command=command))) == said


def test_a_port_that_is_taken_reads_the_same_at_each_try() -> None:
    """N10: each try had another id of its endpoint, so that five tries were five lines of 64 digits."""
    message = "driver failed programming external connectivity on endpoint web ({}): Bind for 0.0.0.0:80 failed"
    told = {without_values(message.format(digit * 64), None) for digit in "abc123"}
    assert told == {"driver failed programming external connectivity on endpoint web: Bind for 0.0.0.0:80 failed"}
