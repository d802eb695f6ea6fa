"""The messages of Leda's Self Update Agent on `selfupdate/…` that have another shape than Kanto's (self-update-agent.md §2).

Envelope, command and question are Kanto's (`specs.kanto.updateagent`). Unlike Kanto's, feedback always has `actions`, an action
always has `progress`, and an inventory always has `hardwareNodes`. Texts are escaped, which the original does not do.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from evenkeel.specs.kanto.activity import ActionStatus, Status
from evenkeel.specs.kanto.updateagent import Association, Component, KeyValue, SoftwareNode

DOMAIN = "self-update"
IMAGE = "os-image"
"""The component. `leda-deviceimage` is its name in messages from before September 2023 (§2.4)."""
IMAGES = (IMAGE, "leda-deviceimage")
AGENT = "self-update-agent"
_AGENT_NAME, _IMAGE_NAME = "OTA NG Self Update Agent", "Official Leda device image"


class Action(Struct, frozen=True):
    """The update of the operating system. `UPDATED` is no word of Kanto's. `progress` is per cent."""

    component: Component
    status: ActionStatus | Literal["UPDATED"]
    progress: int
    message: str


class FeedbackMessage(Struct, frozen=True):
    """The progress of an operation; one action at most."""

    status: Status
    message: str
    actions: tuple[Action, ...] = ()


class Inventory(Struct, frozen=True, rename="camel"):
    """The agent, and the operating system that runs."""

    software_nodes: tuple[SoftwareNode, ...]
    hardware_nodes: tuple[Any, ...] = ()
    associations: tuple[Association, ...] = ()


def inventory(agent_version: str, version: str, domain: str = DOMAIN) -> Inventory:
    """The inventory while this version of the operating system is booted. The nodes are in the order of §2.4."""
    image = SoftwareNode(f"{domain}:{IMAGE}", version, _IMAGE_NAME, type="IMAGE")
    return Inventory((_agent(agent_version), image), associations=(Association(AGENT, image.id),))


def unknown_inventory(agent_version: str, why: str) -> Inventory:
    """The inventory that says why the version of the operating system is not known."""
    return Inventory((_agent(agent_version, KeyValue("osUnknown", why)),))


def _agent(version: str, *parameters: KeyValue) -> SoftwareNode:
    return SoftwareNode(AGENT, version, _AGENT_NAME, parameters, "APPLICATION")
