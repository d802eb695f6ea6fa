"""The settings of the Self Update Agent: a section of the settings, in both shapes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenkeel.specs.documents.written import Duration, Name
from evenkeel.specs.problem import Flaw
from evenkeel.specs.settings.mqtt import AutonomousSettings, AutonomousSpec
from evenkeel.specs.settings.texts import ONE_SECOND, duration_from
from evenkeel.specs.slots.system import Rebooting

Insecure = Literal["http", "file"]


class SelfUpdateAgentSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The agent that an update manager talks to about the operating system, as Leda's Self Update Agent."""

    enable: Annotated[bool, Meta(description="Whether it is there.")] = False
    domain: Annotated[Name, Meta(description="Names the agent in messages and topics.")] = "self-update"
    allow: Annotated[
        tuple[Insecure, ...],
        Meta(
            description="Addresses of bundles that a message may have beside `https`: `http`, and `file` on the device."
        ),
    ] = ()
    reboot: Annotated[
        Rebooting,
        Meta(
            description="`others`: the update manager, or a person, reboots the device into what was activated. `self`: "
            "evenkeel does, after CLEANUP."
        ),
    ] = "others"
    operation_timeout: Annotated[Duration, Meta(description="An operation without command for so long is ended.")] = (
        "1h"
    )
    autonomous: AutonomousSpec = AutonomousSpec()
    report_debounce: Annotated[
        Duration, Meta(description="Changes within this time are one report of the current state.")
    ] = "1s"


class SelfUpdateAgentSettings(Struct, frozen=True):
    """The agent of an update manager for the operating system."""

    enable: bool = False
    domain: str = "self-update"
    allow: tuple[Insecure, ...] = ()
    """Default none, as with the original: others could see and change a download without encryption."""
    reboot: Rebooting = "others"
    """A device that is commanded does not go down by itself."""
    operation_timeout: timedelta = timedelta(hours=1)
    """As for the containers. The time until the reboot, once all commands are done, does not count."""
    autonomous: AutonomousSettings = AutonomousSettings()
    report_debounce: timedelta = timedelta(seconds=1)


def self_update_agent_from(spec: SelfUpdateAgentSpec, flaws: list[Flaw]) -> SelfUpdateAgentSettings:
    """The settings. Flaws below `selfUpdateAgent` are appended."""
    root, after = "selfUpdateAgent", spec.autonomous.after
    return SelfUpdateAgentSettings(
        enable=spec.enable,
        domain=spec.domain,
        allow=tuple(sorted(set(spec.allow))),
        reboot=spec.reboot,
        operation_timeout=duration_from(spec.operation_timeout, (root, "operationTimeout"), flaws),
        autonomous=AutonomousSettings(
            None if after is None else duration_from(after, (root, "autonomous", "after"), flaws, ONE_SECOND)
        ),
        report_debounce=duration_from(spec.report_debounce, (root, "reportDebounce"), flaws, timedelta(0)),
    )
