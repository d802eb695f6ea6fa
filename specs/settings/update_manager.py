"""The settings of the update manager: a section of the settings, in both shapes.

An update manager takes a desired state apart for the agents of its domains, commands them phase by phase, and reports as
one. Defaults are those of Kanto's update manager (update-manager.md §4.2), except for `domain`, which is Leda's, and for
`failures`. `specs.kanto.update_manager` reads the configuration of the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenkeel.specs.documents.written import Duration
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.name import is_name
from evenkeel.specs.preconditions.source import TopicSource, ValueSource
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.settings.texts import duration_from
from evenkeel.specs.settings.values import ValueSpec, values_from
from evenkeel.specs.window import WINDOW_PATTERN, Window, window_from

ConsentCommand = Literal["DOWNLOAD", "UPDATE", "ACTIVATE"]
Failures = Literal["together", "independent"]
UnknownDomains = Literal["skip", "fail"]
NewDesiredState = Literal["queue", "supersede"]
Backend = Literal["topics", "things"]

_ROOT = "updateManager"
_SHORTEST = timedelta(milliseconds=1)
_LONGEST_NAME = 200


class UpdateManagerAgentSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An update agent, by its domain. Those of this device need no entry."""

    reboot_required: (
        Annotated[
            bool,
            Meta(
                description="Whether the device has to be rebooted after its updates. Default: true for the domain of "
                "`selfUpdateAgent` on this device, else false."
            ),
        ]
        | None
    ) = None
    read_timeout: Annotated[Duration, Meta(description="How long its report of the current state is waited for.")] = (
        "1m"
    )
    rank: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=999,
                description="Its turn in ACTIVATE, lower ones first, equal ones together. Default: last.",
            ),
        ]
        | None
    ) = None


class OwnerConsentSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The consent of the owner, asked for over MQTT before a phase begins."""

    commands: Annotated[
        tuple[ConsentCommand, ...], Meta(description="Phases that need it: `DOWNLOAD`, `UPDATE`, `ACTIVATE`.")
    ] = ()
    timeout: Annotated[Duration, Meta(description="Without an answer for so long it is refused.")] = "30m"


class ManagedRebootSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The reboot after updates of domains that require one."""

    enable: Annotated[bool, Meta(description="Whether evenkeel reboots the device.")] = True
    after: Annotated[Duration, Meta(description="The time between the announcement of the reboot and the reboot.")] = (
        "30s"
    )
    window: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": WINDOW_PATTERN},
                description="The part of the day in which the device is rebooted, in local time, as `02:00-04:30`. Default: at "
                "any time.",
            ),
        ]
        | None
    ) = None


class UpdateManagerSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The update manager, as Kanto's: one desired state over several domains and update agents."""

    enable: Annotated[bool, Meta(description="Whether it is there.")] = False
    domain: Annotated[
        str,
        Meta(description="Names the update manager in reports and topics: `vehicle` has the topics `vehicleupdate/…`."),
    ] = "vehicle"
    backend: Annotated[
        Backend,
        Meta(
            description="The way of the backend to it. `topics`: plain MQTT, as with Leda. `things`: the feature "
            "UpdateManager of the device in Eclipse Ditto, over Kanto's edge connector (topics `edge/thing/…`, `command///…` "
            "and `e`); the topics of `domain` are not heard. Agents stay on their topics."
        ),
    ] = "topics"
    agents: Annotated[
        dict[str, UpdateManagerAgentSpec],
        Meta(description="The update agents by their domains. Those of this device belong to them by themselves."),
    ] = {}
    phase_timeout: Annotated[Duration, Meta(description="The time that a phase may take in all domains together.")] = (
        "10m"
    )
    report_feedback_interval: Annotated[
        Duration, Meta(description="Progress within a phase is reported once in this time; `0s`: never.")
    ] = "1m"
    current_state_delay: Annotated[
        Duration, Meta(description="Changes that agents report within this time are one report of the current state.")
    ] = "30s"
    owner_consent: OwnerConsentSpec = OwnerConsentSpec()
    reboot: ManagedRebootSpec = ManagedRebootSpec()
    failures: Annotated[
        Failures,
        Meta(
            description="`together`: the failure of one domain takes back all others, or its baseline. `independent`: the "
            "others go on, as with the original."
        ),
    ] = "together"
    unknown_domains: Annotated[
        UnknownDomains,
        Meta(
            description="A desired state with a domain that has no agent: `skip` leaves that domain out and says so, as the "
            "original does; `fail` refuses all of it."
        ),
    ] = "skip"
    new_desired_state: Annotated[
        NewDesiredState,
        Meta(
            description="A desired state that comes while another one is at work: `queue` lets it wait, as the original does; "
            "`supersede` ends the other one."
        ),
    ] = "queue"
    values: Annotated[
        dict[str, ValueSpec],
        Meta(description="The values that preconditions of baselines may name, such as `vehicle.parked`."),
    ] = {}


class UpdateManagerAgent(Struct, frozen=True):
    """One update agent."""

    reboot_required: bool = False
    read_timeout: timedelta = timedelta(minutes=1)
    """An agent that is away delays a report for so long."""
    rank: int | None = None


class OwnerConsentSettings(Struct, frozen=True):
    """Which phases the owner has to agree to."""

    commands: tuple[ConsentCommand, ...] = ()
    """In the order of the phases, each once. Default none: a device may have no screen to ask on."""
    timeout: timedelta = timedelta(minutes=30)
    """The time of a phase does not run meanwhile."""


class ManagedRebootSettings(Struct, frozen=True):
    """The reboot that the update manager makes."""

    enable: bool = True
    after: timedelta = timedelta(seconds=30)
    window: Window | None = None


class UpdateManagerSettings(Struct, frozen=True):
    """The update manager, complete."""

    enable: bool = False
    domain: str = "vehicle"
    """Default: Leda's. Kanto's is `device`, which holds for its `config.json`. "" has the topics `update/…`."""
    backend: Backend = "topics"
    """Kanto's default is Things, which holds for its `config.json`."""
    agents: Mapping[str, UpdateManagerAgent] = {}
    """All of them by domain, those of this device included where the update manager is enabled. No two have the same
    topics."""
    phase_timeout: timedelta = timedelta(minutes=10)
    """The wait for the owner does not count."""
    report_feedback_interval: timedelta = timedelta(minutes=1)
    current_state_delay: timedelta = timedelta(seconds=30)
    owner_consent: OwnerConsentSettings = OwnerConsentSettings()
    reboot: ManagedRebootSettings = ManagedRebootSettings()
    failures: Failures = "together"
    """Parts of one desired state belong together: a device with half of it is one that nobody has tested."""
    unknown_domains: UnknownDomains = "skip"
    new_desired_state: NewDesiredState = "queue"
    values: Mapping[str, ValueSource] = {}
    """The source of each value, by its name."""

    @property
    def value_topics(self) -> tuple[str, ...]:
        """The topics of values, each once."""
        return tuple(dict.fromkeys(each.topic for each in self.values.values() if isinstance(each, TopicSource)))


_PHASES: tuple[ConsentCommand, ...] = ("DOWNLOAD", "UPDATE", "ACTIVATE")


def update_manager_from(spec: UpdateManagerSpec, local: Mapping[str, bool], flaws: list[Flaw]) -> UpdateManagerSettings:
    """The settings. Flaws below `updateManager` are appended. `local`: the domains of the agents of this device, each with
    whether its updates need a reboot."""
    if spec.domain:
        _check_name(spec.domain, (_ROOT, "domain"), flaws)
    settings = UpdateManagerSettings(
        enable=spec.enable,
        domain=spec.domain,
        backend=spec.backend,
        agents=_agents(spec, local if spec.enable else {}, flaws),
        phase_timeout=duration_from(spec.phase_timeout, (_ROOT, "phaseTimeout"), flaws, _SHORTEST),
        report_feedback_interval=duration_from(
            spec.report_feedback_interval, (_ROOT, "reportFeedbackInterval"), flaws, timedelta(0)
        ),
        current_state_delay=duration_from(spec.current_state_delay, (_ROOT, "currentStateDelay"), flaws, timedelta(0)),
        owner_consent=OwnerConsentSettings(
            tuple(phase for phase in _PHASES if phase in spec.owner_consent.commands),
            duration_from(spec.owner_consent.timeout, (_ROOT, "ownerConsent", "timeout"), flaws, _SHORTEST),
        ),
        reboot=ManagedRebootSettings(
            spec.reboot.enable,
            duration_from(spec.reboot.after, (_ROOT, "reboot", "after"), flaws, timedelta(0)),
            None if spec.reboot.window is None else window_from(spec.reboot.window, (_ROOT, "reboot", "window"), flaws),
        ),
        failures=spec.failures,
        unknown_domains=spec.unknown_domains,
        new_desired_state=spec.new_desired_state,
        values=values_from(spec.values, flaws),
    )
    _check_topics(spec, settings.agents, local, flaws)
    return settings


def _agents(spec: UpdateManagerSpec, local: Mapping[str, bool], flaws: list[Flaw]) -> dict[str, UpdateManagerAgent]:
    found: dict[str, UpdateManagerAgent] = {}
    for domain, given in spec.agents.items():
        path = (_ROOT, "agents", domain)
        _check_name(domain, path, flaws)
        required = given.reboot_required
        found[domain] = UpdateManagerAgent(
            local.get(domain, False) if required is None else required,
            duration_from(given.read_timeout, (*path, "readTimeout"), flaws, _SHORTEST),
            given.rank,
        )
    return found | {domain: UpdateManagerAgent(needs) for domain, needs in local.items() if domain not in found}


def _check_name(domain: str, path: Path, flaws: list[Flaw]) -> None:
    if not is_name(domain) or len(domain) > _LONGEST_NAME:
        hint = f"letters, digits and _ . -, beginning with a letter, a digit or _; up to {_LONGEST_NAME}"
        flaws.append(Flaw(path, "expected the name of a domain", hint))


def _check_topics(
    spec: UpdateManagerSpec, agents: Mapping[str, UpdateManagerAgent], local: Mapping[str, bool], flaws: list[Flaw]
) -> None:
    """Two participants with the same topics would hear each other's messages. Two agents of this device are compared where
    their own sections are read."""
    own, owners = topic_prefix(spec.domain), dict[str, str]()
    for domain in sorted(agents, key=lambda domain: domain not in local):
        prefix = topic_prefix(domain)
        other = owners.setdefault(prefix, domain)
        path = (_ROOT, "agents", domain)
        if prefix == own and domain in spec.agents:
            message = f"the update manager itself has the topics `{prefix}/…`"
            flaws.append(Flaw(path, message, "topics are made of domains; write another one here, or as `domain`"))
        elif prefix == own:
            message = f"the agent `{domain}` of this device has the topics `{prefix}/…`, too"
            flaws.append(Flaw((_ROOT, "domain"), message, "topics are made of domains; write another one"))
        elif other != domain and domain not in local:
            message = f"the agent `{other}` has the topics `{prefix}/…`, too"
            hint = f"write `{other}`" if other in local else "topics are made of domains; leave one of them"
            flaws.append(Flaw(path, message, hint))
