"""Assignments of devices to hubs."""

from __future__ import annotations

from msgspec import Struct


class Assignment(Struct, frozen=True):
    """The hub that a device belongs to, and its id there (provisioning.md §4.4). `hub`: its host name."""

    hub: str
    device: str
