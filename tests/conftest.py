"""Real engines for tests: a dockerd, a registry and brokers of our own, started when a test first asks for one.

They need root, Debian's packages and no network. A machine that cannot run them fails the tests instead of skipping
them, for a skipped test looks like a passed one; `make quick`, or EVENKEEL_NO_ENGINE=1, is for saying so on purpose.
A test that asks for one is marked `engine` by itself.

`make test` shares the tests among workers (pytest-xdist): each is a process with engines of its own, and takes from the
others what they have not begun when it has nothing left. The longest begin first, because one that begins last keeps all
but one worker idle.
"""

import asyncio
import builtins
import gc
import importlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from . import counts
from .engines.azure_double import Azure
from .engines.broker import Broker
from .engines.bundles import Bundles
from .engines.dbus import PrivateBus, private_bus
from .engines.dockerd import Dockerd, make_dockerd
from .engines.machine import alone
from .engines.podman import Podman, make_podman
from .engines.podman_grounds import why_not_rootless
from .engines.rauc import Rauc, rauc_device
from .engines.registry import Registry
from .sampling import THOROUGH, heading
from .virtual import VirtualLoop

# What takes long is bounded where it matters, and a busy machine is no bug. Here, because a property has the profile that is
# loaded when its module is imported.
settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300 if THOROUGH else 20
)
settings.load_profile("tests")

MEMORY = Path("/dev/shm")
PODMEN = {"podman", "clean_podman", "podman_without_root", "clean_podman_without_root"}
ENGINES = {"dockerd", "clean_dockerd", *PODMEN, "registry", "mosquitto", "bundles", "rauc", "azure"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ENGINES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("engine")
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """What waits for engines and processes first, what only computes last."""
    return next((place for place, name in enumerate(("engine", "e2e")) if item.get_closest_marker(name)), 2)


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both ends of a connection in one loop need no real time: what was sent is there, and a limit is reached when nothing
    else is left to happen."""
    is_virtual = item.get_closest_marker("virtual")
    return {"virtual": VirtualLoop} if is_virtual else {"real": asyncio.new_event_loop}


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(counts)
    _heed_signals()
    _work_in_memory()


def _heed_signals() -> None:
    """A program that is started with signals ignored, as by `nohup`, ignores them for all that it starts. What is handled is
    not passed on: the commands under test get signals as from a shell."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _work_in_memory() -> None:
    """Each journal syncs every write, and thousands of them on a disk are a test of the disk: what tests make has its place in
    memory, where the machine has one for programs, too. Who sets TMPDIR has it elsewhere. Workers have this environment."""
    if "TMPDIR" not in os.environ and _is_roomy(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _is_roomy(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > 2**30


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end. Nobody has to go through them again and again in search of garbage."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    return heading()


@pytest.fixture(scope="session")
def _engines_wanted() -> None:
    if os.environ.get("EVENKEEL_NO_ENGINE") == "1":
        pytest.skip("EVENKEEL_NO_ENGINE=1")


@pytest.fixture(scope="session")
def dockerd(_engines_wanted: None) -> Iterator[Dockerd]:
    """A running engine with the standard images; it lives for the whole session, and so does what a test leaves in it."""
    engine = make_dockerd()
    yield engine
    engine.close()


@pytest.fixture
def clean_dockerd(dockerd: Dockerd) -> Iterator[Dockerd]:
    """The engine without containers, networks and volumes, running again if a test before stopped it."""
    if not dockerd.is_up():
        dockerd.kill()
        dockerd.start()
    dockerd.clear()
    yield dockerd
    if dockerd.is_up():
        dockerd.clear()


@pytest.fixture(scope="session")
def podman(_engines_wanted: None, registry: Registry) -> Iterator[Podman]:
    """A running Podman with the standard images, which reaches the registry; it lives for the whole session."""
    engine = make_podman()
    try:
        engine.ground.reach(registry.port)
        yield engine
    finally:
        engine.close()


@pytest.fixture
def clean_podman(podman: Podman) -> Iterator[Podman]:
    """The engine without containers, networks and volumes."""
    podman.clear()
    yield podman
    podman.clear()


@pytest.fixture(scope="session")
def podman_without_root(_engines_wanted: None, registry: Registry) -> Iterator[Podman]:
    """The same, of a user who is not root. Where users may have no namespaces, there can be none."""
    if why := why_not_rootless():
        pytest.skip(f"no Podman without root on this machine: {why}")
    engine = make_podman(rootless=True)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def bus_daemon() -> Iterator[PrivateBus]:
    """A D-Bus of its own, on which doubles of system services have names."""
    with private_bus() as bus:
        yield bus


@pytest.fixture
def clean_podman_without_root(podman_without_root: Podman) -> Iterator[Podman]:
    """The engine without containers, networks and volumes."""
    podman_without_root.clear()
    yield podman_without_root
    podman_without_root.clear()


@pytest.fixture(scope="session")
def registry(_engines_wanted: None) -> Iterator[Registry]:
    """A running registry, empty, whose CA the engine trusts."""
    it = Registry(Path(tempfile.mkdtemp(prefix="ek-registry-")))
    try:
        it.start()
        with it.trusted_by_dockerd():
            yield it
    finally:
        it.close()


@pytest.fixture
def mosquitto(_engines_wanted: None) -> Iterator[Callable[..., Broker]]:
    """`mosquitto()` starts a broker; `mosquitto(persistent=True)` one that keeps sessions over a restart; see Broker."""
    brokers: list[Broker] = []

    def make(**options: Any) -> Broker:
        broker = Broker(Path(tempfile.mkdtemp(prefix="ek-mosquitto-")), **options)
        brokers.append(broker)
        broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.close()


@pytest.fixture(scope="module")
def azure_double(_engines_wanted: None) -> Iterator[Azure]:
    """The provisioning service and two hubs of Azure, as a double on a mosquitto of its own."""
    double = Azure()
    double.start()
    yield double
    double.close()


@pytest.fixture
def azure(azure_double: Azure) -> Azure:
    """The double, which knows nobody yet."""
    azure_double.forget()
    return azure_double


@pytest.fixture(scope="session")
def bundles(_engines_wanted: None) -> Iterator[Bundles]:
    """Bundles of RAUC, good and bad."""
    it = Bundles(Path(tempfile.mkdtemp(prefix="ek-bundles-")))
    yield it
    it.close()


@pytest.fixture
def rauc(bundles: Bundles) -> Iterator[Rauc]:
    """A device with a running RAUC, which has just booted 1.4.2 from slot A and found it good."""
    with rauc_device(bundles) as device:
        yield device


@pytest.fixture
def leda_machine() -> Iterator[None]:
    """What Leda's samples name is on a machine once: port 30555 of the host, /data. One test at a time uses it."""
    with alone("leda"):
        yield


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that others may enter, with the rights of root given up for the length of a test."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o755)
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(place, 65534, -1)
            os.seteuid(65534)
            monkeypatch.setattr(builtins, "__import__", partial(_import_by_root, builtins.__import__))
        yield place
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(place)


def _import_by_root(load: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Import what a test needs first while it has no rights: the interpreter may lie in the home of root. A folder that could
    not be read would count as empty from then on, also for the next tests."""
    try:
        return load(*args, **named)
    except (ImportError, OSError):
        os.seteuid(0)
        importlib.invalidate_caches()
        try:
            return load(*args, **named)
        finally:
            os.seteuid(65534)
