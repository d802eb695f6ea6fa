"""The parts of evenkeel, and their connections: the only module that names concrete sources, drivers and sinks.

From settings to parts, nothing else: nothing here decides, reads a file or waits. Every part is imported when it is
asked for, because a status must not load the parts of a controller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.registries_wiring import ACCESS, pull_access, sizes_of_registries
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen, RemoteImage
from evenkeel.specs.feedback import Feedback

if TYPE_CHECKING:
    from evenkeel.controller.control.serve import Control
    from evenkeel.controller.cycle.domain import AnyDomain, Domain, Foreseen, Groundwork
    from evenkeel.controller.cycle.stage import StepProgress
    from evenkeel.controller.cycle.surroundings import Sizes, Surroundings
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.containers.memory import Image, Script
    from evenkeel.controller.drivers.containers.memory import MemoryEngine as MemoryEngine
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.controller.journal.lock import Lock
    from evenkeel.controller.loop.controller import Controller
    from evenkeel.controller.loop.ports import Life, Serving, Sink, Source
    from evenkeel.controller.operations.values import Values
    from evenkeel.controller.sources.files import Reading
    from evenkeel.reconcilers.containers import Containers
    from evenkeel.reconcilers.containers.select import ContainersWanted
    from evenkeel.reconcilers.files.select import FilesWanted
    from evenkeel.reconcilers.ports import Driver
    from evenkeel.reconcilers.registries.select import RegistriesWanted
    from evenkeel.specs.containers.memory import ContainersMemory
    from evenkeel.specs.files.memory import FilesMemory
    from evenkeel.specs.files.observed import FilesSeen
    from evenkeel.specs.plan import Plan
    from evenkeel.specs.registries.memory import RegistriesMemory
    from evenkeel.specs.registries.observed import RegistriesSeen
    from evenkeel.specs.settings.settings import Settings

MEMORY_STORE = "memory-engine.json"
MEMORY_FILES = "memory-files.json"
MEMORY_REGISTRIES = "memory-registries.json"
PARSED = "parsed"


def open_driver(settings: Settings, *, readonly: bool = False) -> Driver[ContainersSeen]:
    """The engine that the settings name. With `readonly` the memory engine is a copy that is kept nowhere."""
    from evenkeel.controller.settings.provided import FILE, Provided

    provided = Provided(Path(settings.state) / FILE)
    match settings.engine.kind:
        case "memory":
            from evenkeel.controller.drivers.containers.memory import MemoryEngine

            engine = MemoryEngine(store=Path(settings.state) / MEMORY_STORE, provided=provided)
            if not readonly:
                return engine
            copy = MemoryEngine(provided=provided)
            copy.world = engine.world
            return copy
        case "docker" | "podman":
            from evenkeel.controller.drivers.containers.docker import DockerEngine
            from evenkeel.controller.settings.sockets import advice, with_socket

            settings = with_socket(settings)
            return DockerEngine(
                address=settings.engine.address,
                network=settings.engine.network,
                access=pull_access(settings),
                ask_registries=sizes_of_registries(settings),
                owner=settings.engine.owner or os.path.realpath(settings.state),
                advice=advice(settings.engine),
                provided=provided,
            )


def open_domains(
    settings: Settings, engine: Driver[ContainersSeen] | None = None, *, readonly: bool = False
) -> tuple[AnyDomain, ...]:
    """All domains in the order of their switches, each with the driver that the settings name; `engine`: the driver of
    the containers, where it is open already. With `readonly` no effect of a driver is kept."""
    from evenkeel.controller.provisioning_wiring import provisioning_domain
    from evenkeel.controller.slots_wiring import slots_domain

    containers, open_bus = engine or open_driver(settings, readonly=readonly), _system_bus(settings)
    return (
        _files(settings, open_bus, readonly=readonly),
        _registries(settings, readonly=readonly),
        provisioning_domain(settings, open_bus),
        slots_domain(settings, open_bus, reconciler(settings), containers, readonly=readonly),
        _containers(settings, containers),
    )


def _system_bus(settings: Settings) -> Callable[[], SystemBus]:
    """The one connection to the system bus, for all domains that need it."""
    from functools import cache

    @cache
    def open_bus() -> SystemBus:
        from evenkeel.controller.dbus.bus import SystemBus

        return SystemBus(settings.slots.bus)

    return open_bus


def _files(
    settings: Settings, open_bus: Callable[[], SystemBus], *, readonly: bool
) -> Domain[FilesWanted, FilesSeen, FilesMemory]:
    """The files domain on the host itself, or, beside the simulated engine, on a simulated host."""
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.drivers.files import disk_files
    from evenkeel.controller.units import HostUnits
    from evenkeel.reconcilers.files import Files

    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.files.memory import memory_files

        store = Path(settings.state) / MEMORY_FILES
        driver = memory_files(store, state=settings.state, specs=settings.specs, readonly=readonly)
        return Domain(Files(), driver)
    return Domain(Files(), disk_files(settings.state, settings.specs, HostUnits(open_bus)))


def _registries(settings: Settings, *, readonly: bool) -> Domain[RegistriesWanted, RegistriesSeen, RegistriesMemory]:
    """The registries domain on the configuration of the engine, or on a simulated one."""
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.drivers.late import LateDriver
    from evenkeel.reconcilers.registries import Registries

    access = Path(settings.state) / ACCESS
    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.registries.memory import memory_registries

        store = Path(settings.state) / MEMORY_REGISTRIES
        return Domain(Registries(), memory_registries(store, access / "key", readonly=readonly))

    def build() -> Driver[RegistriesSeen]:
        # Few devices are asked for a registry: the rest is loaded at the first look.
        from evenkeel.controller.drivers.registries.choice import open_access, open_configuration
        from evenkeel.controller.drivers.registries.engine import RegistriesEngine
        from evenkeel.controller.settings.sockets import with_socket

        engine = with_socket(settings).engine
        configuration = open_configuration(engine.kind, engine.address, settings.registries, access)
        logins = open_access(engine.kind, settings.registries, access)
        return RegistriesEngine(configuration, logins, access / "key")

    return Domain(Registries(), LateDriver(build))


def _containers(
    settings: Settings, engine: Driver[ContainersSeen]
) -> Domain[ContainersWanted, ContainersSeen, ContainersMemory]:
    from evenkeel.controller.cycle.domain import Domain

    async def foresee(plan: Plan, seen: ContainersSeen, groundwork: Groundwork) -> Foreseen[ContainersSeen]:
        # Only a preview foresees; a controller needs none.
        from evenkeel.controller.cycle.surroundings import look_around
        from evenkeel.controller.settings.sockets import other_engine, with_socket

        around = _image_sizes(settings, engine), _surroundings(settings, engine)
        found = await look_around(*around, plan, seen, groundwork)
        other = other_engine(with_socket(settings).engine, seen.engine)
        return found._replace(notes=(*found.notes, other)) if other else found

    return Domain(reconciler(settings), engine, foresee)


def _image_sizes(settings: Settings, driver: Driver[ContainersSeen]) -> Sizes:
    """The sizes of pulls. Docker does not tell them, so its registries are asked; the memory engine knows them."""

    async def of_engine(images: Sequence[str], refused: Callable[[str], None]) -> dict[str, RemoteImage]:
        seen = await driver.observe(ContainersLook(images=tuple(images)))
        for image, why in seen.unasked.items():
            refused(f"the registry of {image} did not tell its size: {why}")
        return seen.remote

    return of_engine if settings.engine.kind == "memory" else sizes_of_registries(settings)


def _surroundings(settings: Settings, driver: Driver[ContainersSeen]) -> Surroundings:
    """The host: the machine's own, or the simulated one."""
    if settings.engine.kind != "memory":
        from functools import partial

        from evenkeel.controller.process.host import look_around

        return partial(look_around, settings.engine.address.removeprefix("unix://"))
    from evenkeel.controller.drivers.containers.memory import MemoryEngine
    from evenkeel.reconcilers.containers.foresight import Host

    return driver.host if isinstance(driver, MemoryEngine) else lambda paths: Host()


def simulated_engine(
    store: Path | None = None, now: Now = system_now, state: str = ""
) -> tuple[MemoryEngine, type[Image], type[Script]]:
    """A memory engine for demonstrations, and the classes that describe its registry and its behaviour. `state`: not "", the
    state directory in which identities hand out their values."""
    from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine, Script
    from evenkeel.controller.settings.provided import FILE, Provided

    provided = Provided(Path(state) / FILE) if state else None
    return MemoryEngine(store=store, now=now, provided=provided), Image, Script


def reconciler(settings: Settings) -> Containers:
    """The decisions about containers."""
    from evenkeel.reconcilers.containers import Containers

    is_commanded = settings.mqtt.enabled and settings.update_agent.enable
    return Containers(settings.system_containers, settings.update_agent.system_containers if is_commanded else ())


def serves(settings: Settings, domain: str = "") -> bool:
    """Whether there is an update agent or an update manager; with `domain` an agent that commands this domain."""
    agents = {"containers": settings.update_agent.enable, "slots": settings.self_update_agent.enable}
    is_there = settings.update_manager.enable or any(agents.values())
    return settings.mqtt.enabled and (agents.get(domain, False) if domain else is_there)


def connects(settings: Settings) -> bool:
    """Whether there is anything to hear from the broker: messages for an agent or a manager, or values of preconditions."""
    return serves(settings) or (settings.mqtt.enabled and bool(settings.update_manager.value_topics))


def open_values(settings: Settings) -> Values | None:
    """The values of preconditions; `None` where the settings name none."""
    if not settings.update_manager.values:
        return None
    from evenkeel.controller.operations.values import Values

    return Values(settings.update_manager.values)


def read_source(settings: Settings, *, readonly: bool, instead: Mapping[str, bytes] = {}) -> Reading:
    """The reading of all spec files; `readonly` writes no cache either. `instead`: as for `read_specs`."""
    from evenkeel.controller.sources.files import read_specs

    cache, kanto = Path(settings.state) / PARSED, settings.registries.kanto
    return read_specs(settings.specs, cache, cache_readonly=readonly or bool(instead), kanto=kanto, instead=instead)


def name_in_specs(settings: Settings, file: Path) -> Path | None:
    """The name by which the specs read a file, which need not be there yet; `None` when they do not read it."""
    from evenkeel.controller.sources.files import name_among

    return name_among(settings.specs, file)


def is_parsed(settings: Settings) -> bool:
    """Whether no spec file has to be parsed, because all of them are in the cache."""
    from evenkeel.controller.sources.files import is_parsed

    return is_parsed(settings.specs, Path(settings.state) / PARSED, settings.registries.kanto)


def read_files(paths: Sequence[str]) -> Reading:
    """The reading of these files, without a cache."""
    from evenkeel.controller.sources.files import read_specs

    return read_specs(paths)


def no_document(paths: Sequence[str]) -> str:
    """The text about files and folders without a document: which files are read there, and which are not."""
    from evenkeel.controller.sources.files import no_document

    return no_document(paths)


def open_source(settings: Settings) -> Source:
    """The files that are watched."""
    from evenkeel.controller.sources.files import FileSource

    return FileSource(settings.specs, Path(settings.state) / PARSED, settings.resync, settings.registries.kanto)


def open_sinks(settings: Settings) -> tuple[Sink, ...]:
    """The sinks of feedback beside the journal."""
    if not settings.events.file:
        return ()
    from evenkeel.controller.sinks.jsonl import JsonLines

    return (JsonLines(settings.events.file),)


def build_controller(
    settings: Settings,
    journal: Journal,
    domains: Sequence[AnyDomain],
    source: Source | None = None,
    life: Life | None = None,
    on_entry: Callable[[Feedback], None] = lambda entry: None,
    progress: StepProgress = lambda step, message, done, total: None,
    now: Now = system_now,
    agents: Callable[[Controller], Serving] | None = None,
    lock: Lock | None = None,
    control: Control | None = None,
    values: Values | None = None,
) -> Controller:
    """All parts together. `on_entry` is called with every entry right after it was stored, `progress` with the progress
    of long steps. `values`: those that `agents` feed from the broker."""
    from evenkeel.controller.cycle.stage import StageLimits
    from evenkeel.controller.loop.controller import Controller
    from evenkeel.controller.loop.queue import WakeUps
    from evenkeel.controller.loop.worker import Conduct

    limits = StageLimits(settings.parallel, settings.timeouts.pull, settings.timeouts.step)
    return Controller(
        journal,
        domains,
        source,
        open_sinks(settings),
        settings.resync,
        WakeUps(settings.backoff.first, settings.backoff.longest),
        settings.empty_source_removes_all,
        settings.events.keep,
        life=life,
        agents=agents,
        lock=lock,
        control=control,
        values=values or open_values(settings),
        conduct=Conduct(limits, settings.retries, now, on_entry, progress),
    )
