"""Settings: the operator's decisions about evenkeel itself, as opposed to the desired state of the device.

Two shapes of the same thing. The written one (`…Spec`) is the content of `/etc/evenkeel/config.yaml`, with keys in
camelCase, texts for durations, and a description of each key for editors. The noun is the controller's; it gives units,
defaults and the reasons for them. `settings_from` leads from plain values to the noun and reports every flaw, not only
the first. The defaults of both are held together by a test.

The sections of the broker and of the update agents are in `specs.settings.mqtt` and `self_update`, that of the update
manager in `update_manager`, those of slots, registries and the doctor in `slots`, `registries` and `doctor`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from evenkeel.specs.documents.written import AbsolutePath, Duration, Name
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.name import is_name
from evenkeel.specs.problem import Flaw
from evenkeel.specs.reading.walk import faults
from evenkeel.specs.settings.doctor import DoctorSettings, DoctorSpec, doctor_from
from evenkeel.specs.settings.mqtt import (
    MqttSettings,
    MqttSpec,
    UpdateAgentSettings,
    UpdateAgentSpec,
    mqtt_from,
    update_agent_from,
)
from evenkeel.specs.settings.registries import RegistriesSettings, RegistriesSpec, registries_from
from evenkeel.specs.settings.self_update import (
    SelfUpdateAgentSettings,
    SelfUpdateAgentSpec,
    self_update_agent_from,
)
from evenkeel.specs.settings.slots import SlotsSettings, SlotsSpec, slots_from
from evenkeel.specs.settings.texts import duration_from, file_from
from evenkeel.specs.settings.update_manager import UpdateManagerSettings, UpdateManagerSpec, update_manager_from
from evenkeel.specs.settings.values import unheard_values

if TYPE_CHECKING:
    from evenkeel.specs.reading.tree import Value

EngineKind = Literal["memory", "docker", "podman"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

_RESERVED_NETWORKS = ("bridge", "host", "none", "default")


class EngineSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which engine runs the containers."""

    kind: Annotated[EngineKind, Meta(description="`memory`: containers that are only imagined.")] = "memory"
    address: Annotated[str, Meta(description="The engine's socket. Default: the first of the usual ones.")] = ""
    network: Annotated[Name, Meta(description="The network of containers with `network: bridge`.")] = "evenkeel"
    docker_config: Annotated[
        str, Meta(description="A `config.json` with credentials. Default: of `$DOCKER_CONFIG`, else of `~/.docker`.")
    ] = ""
    token_realms: Annotated[
        tuple[Name, ...],
        Meta(description="Hosts that may have the credentials of a registry that names them, for tokens."),
    ] = ()
    owner: Annotated[
        str, Meta(description="A name for this evenkeel, whose containers are its own. Default: its state directory.")
    ] = ""


class TimeoutsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How long a single step may take before it is given up and tried again."""

    pull: Annotated[Duration, Meta(description="Fetching one image, or one try at a bundle.")] = "30m"
    step: Annotated[Duration, Meta(description="Any other step; what a container may take to stop is added.")] = "2m"


class BackoffSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The wait before something that failed is tried again; it doubles from `first` to `longest`."""

    first: Annotated[Duration, Meta(description="The first wait.")] = "1s"
    longest: Annotated[Duration, Meta(description="The longest wait.")] = "5m"


class EventsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The entries, one JSON object per line."""

    file: Annotated[str, Meta(description="An absolute path; `-` is standard output; empty: none.")] = ""
    keep: Annotated[int, Meta(ge=100, le=10_000_000, description="Entries that the journal keeps.")] = 10_000


class LogSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The log on standard error."""

    level: Annotated[LogLevel, Meta(description="`debug` also tells of cycles that found nothing to do.")] = "info"
    format: Annotated[LogFormat, Meta(description="`json`: one object per line, for collectors.")] = "text"


class SettingsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Settings of evenkeel. Every key may be left out."""

    specs: Annotated[
        tuple[AbsolutePath, ...],
        Meta(
            min_length=1, description="Files, and folders of files (not their sub-folders), that say what is asked for."
        ),
    ] = ("/etc/evenkeel/specs",)
    state: Annotated[AbsolutePath, Meta(description="The folder of the journal.")] = "/var/lib/evenkeel"
    engine: EngineSpec = EngineSpec()
    registries: RegistriesSpec = RegistriesSpec()
    slots: SlotsSpec = SlotsSpec()
    system_containers: Annotated[
        tuple[Name, ...], Meta(description="Names of containers that are never touched, whatever is asked.")
    ] = ()
    empty_source_removes_all: Annotated[
        bool, Meta(description="Whether specs that ask for nothing mean that every container goes.")
    ] = False
    resync: Annotated[Duration, Meta(description="After this time everything is looked at again.")] = "60s"
    parallel: Annotated[int, Meta(ge=1, le=32, description="Steps at work at once in a domain.")] = 3
    timeouts: TimeoutsSpec = TimeoutsSpec()
    retries: Annotated[
        int, Meta(ge=1, le=100, description="Attempts of a disturbing phase before the revision counts as failed.")
    ] = 5
    backoff: BackoffSpec = BackoffSpec()
    events: EventsSpec = EventsSpec()
    log: LogSpec = LogSpec()
    mqtt: MqttSpec = MqttSpec()
    update_agent: UpdateAgentSpec = UpdateAgentSpec()
    self_update_agent: SelfUpdateAgentSpec = SelfUpdateAgentSpec()
    update_manager: UpdateManagerSpec = UpdateManagerSpec()
    doctor: DoctorSpec = DoctorSpec()


SIMULATED = "this is the memory engine, which only simulates; --engine docker is real"
"""The remark of everything that shows or changes a simulated world."""


class EngineSettings(Struct, frozen=True):
    """Which engine, and how it is reached."""

    kind: EngineKind = "memory"
    """Default `memory`, so that nothing on a machine is touched before somebody says so."""
    address: str = ""
    """`unix://` and an absolute path. Default "": `$DOCKER_HOST` (for Podman `$CONTAINER_HOST` before it), the socket of the
    system, and the one in `$XDG_RUNTIME_DIR`: the first that is there when evenkeel starts."""
    network: str = "evenkeel"
    """User-defined bridge network for containers in network mode `bridge`: on the engine's own they have no names."""
    docker_config: str = ""
    """Path of a `config.json` with credentials. Default "": `$DOCKER_CONFIG` or `~/.docker`, resolved at use, because the
    daemon's environment is not known here."""
    token_realms: tuple[str, ...] = ()
    """The registry's own host, hosts below it, and those of Docker Hub and GitLab need not be listed. An
    engine sends them wherever a registry says: it is given none while that is another host."""
    owner: str = ""
    """A name for this evenkeel, in the labels of its containers. Default "": the real path of the state directory stands
    there. Two evenkeels on one engine whose state directories have the same path, each in a container of its own, need one."""


class Timeouts(Struct, frozen=True):
    """Given up after this time, and tried again."""

    pull: timedelta = timedelta(minutes=30)
    """Fetching one image, or one try at a bundle, from its begin to its end. Long: giving up loses what an engine has fetched
    of a layer; of a bundle nothing synced is lost, and the next try goes on behind it."""
    step: timedelta = timedelta(minutes=2)
    """Any other step, beside the time a container is given to stop. An engine that takes longer hangs."""


class Backoff(Struct, frozen=True):
    """The wait before another attempt doubles from `first` to `longest`."""

    first: timedelta = timedelta(seconds=1)
    """Short: most hiccups are over soon."""
    longest: timedelta = timedelta(minutes=5)
    """A device waits this long at most after its engine or its link came back."""


class EventSettings(Struct, frozen=True):
    """Where feedback is written, and how much of it is remembered."""

    file: str = ""
    """An absolute path for JSON Lines; "" none (the journal has them anyway), "-" standard output."""
    keep: int = 10_000
    """Entries in the journal: weeks of ordinary life in at most 3 MB of flash."""


class LogSettings(Struct, frozen=True):
    """The log on standard error."""

    level: LogLevel = "info"
    """A settled device says nothing at `info`."""
    format: LogFormat = "text"
    """For people by default; `json` for collectors."""


class Settings(Struct, frozen=True):
    """Everything an operator may decide, complete."""

    specs: tuple[str, ...] = ("/etc/evenkeel/specs",)
    """Absolute paths of files and folders."""
    state: str = "/var/lib/evenkeel"
    """Absolute path of a folder; journal, lock and parse cache live in it."""
    engine: EngineSettings = EngineSettings()
    registries: RegistriesSettings = RegistriesSettings()
    slots: SlotsSettings = SlotsSettings()
    system_containers: tuple[str, ...] = ()
    """Names, in order, each once. Default none: containers that evenkeel did not create are left alone anyway."""
    empty_source_removes_all: bool = False
    """False, because an empty folder is more often an accident (not mounted, wiped) than a wish."""
    resync: timedelta = timedelta(seconds=60)
    """Longest time for which a change that no event told of stays unseen. Shorter costs idle CPU."""
    parallel: int = 3
    """Steps at work at once in a domain. Not counted are proofs, and, as no registry waits for another one, one fetch from each
    further registry. More rarely fetches faster over one thin link, and uses memory."""
    timeouts: Timeouts = Timeouts()
    retries: int = 5
    """Attempts of a disturbing phase before the revision counts as failed; fetching is tried for ever."""
    backoff: Backoff = Backoff()
    events: EventSettings = EventSettings()
    log: LogSettings = LogSettings()
    mqtt: MqttSettings = MqttSettings()
    update_agent: UpdateAgentSettings = UpdateAgentSettings()
    self_update_agent: SelfUpdateAgentSettings = SelfUpdateAgentSettings()
    update_manager: UpdateManagerSettings = UpdateManagerSettings()
    doctor: DoctorSettings = DoctorSettings()


def settings_from(value: Value, flaws: list[Flaw]) -> Settings | None:
    """The settings in plain values; `None`, and every flaw with its path, when they are not valid. Flaws may be warnings."""
    try:
        spec = msgspec.convert(value, SettingsSpec)
    except msgspec.ValidationError as error:
        flaws.extend(list(faults(value, SettingsSpec)) or [Flaw((), str(error))])
        return None
    found: list[Flaw] = []
    settings = Settings(
        specs=tuple(dict.fromkeys(spec.specs)),
        state=spec.state,
        engine=_engine(spec.engine, found),
        registries=registries_from(spec.registries, found),
        slots=slots_from(spec.slots, found),
        system_containers=tuple(sorted(set(spec.system_containers))),
        empty_source_removes_all=spec.empty_source_removes_all,
        resync=duration_from(spec.resync, ("resync",), found),
        parallel=spec.parallel,
        timeouts=Timeouts(
            duration_from(spec.timeouts.pull, ("timeouts", "pull"), found),
            duration_from(spec.timeouts.step, ("timeouts", "step"), found),
        ),
        retries=spec.retries,
        backoff=_backoff(spec.backoff, found),
        events=EventSettings(file_from(spec.events.file, ("events", "file"), found, ("", "-")), spec.events.keep),
        log=LogSettings(spec.log.level, spec.log.format),
        mqtt=mqtt_from(spec.mqtt, found),
        update_agent=update_agent_from(spec.update_agent, found),
        self_update_agent=self_update_agent_from(spec.self_update_agent, found),
        update_manager=update_manager_from(spec.update_manager, _local(spec), found),
        doctor=doctor_from(spec.doctor, found),
    )
    one, other, manager = settings.update_agent, settings.self_update_agent, settings.update_manager
    roles = (
        ("updateAgent", "the agent", one.enable),
        ("selfUpdateAgent", "the agent", other.enable),
        ("updateManager", "the update manager", manager.enable),
    )
    found.extend(
        Flaw((section, "enable"), f"{name} needs a broker", "write `mqtt: {enabled: true}`")
        for section, name, is_there in roles
        if is_there and not settings.mqtt.enabled
    )
    if one.enable and other.enable and topic_prefix(one.domain) == topic_prefix(other.domain):
        message = f"`updateAgent` has the domain `{one.domain}`, too"
        if one.domain != other.domain:
            message = f"`updateAgent` with the domain `{one.domain}` has the topics `{topic_prefix(one.domain)}/…`, too"
        found.append(Flaw(("selfUpdateAgent", "domain"), message, "topics are made of it; write another one"))
    if other.enable and manager.enable and other.reboot == "self":
        hint = "leave it at `others`: a reboot comes before other domains are activated"
        found.append(Flaw(("selfUpdateAgent", "reboot"), "the update manager of this device reboots it", hint))
    flaws.extend([*found, *unheard_values(manager.value_topics, has_broker=settings.mqtt.enabled)])
    if settings.mqtt.enabled and not manager.value_topics and not any(is_there for _, _, is_there in roles):
        message = "nothing connects to the broker without an update agent or an update manager"
        flaws.append(Flaw(("mqtt", "enabled"), message, "write `updateAgent: {enable: true}`", warning=True))
    return None if found else settings


def _local(spec: SettingsSpec) -> dict[str, bool]:
    """The domains of the agents of this device, each with whether its updates need a reboot."""
    agents = ((spec.update_agent, False), (spec.self_update_agent, True))
    return {agent.domain: needs for agent, needs in agents if agent.enable}


def _engine(spec: EngineSpec, flaws: list[Flaw]) -> EngineSettings:
    if spec.address and not spec.address.startswith("unix:///"):
        hint = (
            "write `unix://` before the path"
            if spec.address.startswith("/")
            else "for example unix:///path/to/the.sock"
        )
        flaws.append(Flaw(("engine", "address"), "expected the address of a socket", hint))
    if spec.network in _RESERVED_NETWORKS:
        hint = "expected the name of a network of its own, for example evenkeel"
        flaws.append(Flaw(("engine", "network"), f"`{spec.network}` is one of the engine's own networks", hint))
    if spec.owner and not is_name(spec.owner):
        flaws.append(Flaw(("engine", "owner"), "expected a name", "letters, digits and _ . -; a path is the default"))
    path = file_from(spec.docker_config, ("engine", "dockerConfig"), flaws)
    return EngineSettings(spec.kind, spec.address, spec.network, path, spec.token_realms, spec.owner)


def _backoff(spec: BackoffSpec, flaws: list[Flaw]) -> Backoff:
    first = duration_from(spec.first, ("backoff", "first"), flaws, shortest=timedelta(milliseconds=1))
    longest = duration_from(spec.longest, ("backoff", "longest"), flaws)
    if longest < first:
        flaws.append(Flaw(("backoff", "longest"), f"expected at least the {spec.first} of `first`, got {spec.longest}"))
    return Backoff(first, longest)
