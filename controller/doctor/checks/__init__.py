"""The table of the checks, in the order in which they are told. Each is a module beside this one.

A domain adds its module and a line here; where its documents name files with secrets or certificates, a line in
`named_files`, too. Modules load what they need when they look.
"""

from __future__ import annotations

from evenkeel.controller.doctor.check import Check
from evenkeel.controller.doctor.checks import (
    agents,
    broker,
    can,
    certificates,
    clock,
    containers,
    controller,
    disk,
    engine,
    hosts,
    identities,
    journal,
    permissions,
    ping,
    ports,
    registries,
    settings,
    slots,
    specs,
    system,
    units,
)

CHECKS = (
    Check("Device", "system", system.look),
    Check("Device", "clock", clock.look),
    Check("Device", "disk", disk.look),
    Check("Device", "CAN", can.look),
    Check("Device", "units", units.look),
    Check("evenkeel", "settings", settings.look),
    Check("evenkeel", "specs", specs.look),
    Check("evenkeel", "controller", controller.look),
    Check("evenkeel", "journal", journal.look),
    Check("evenkeel", "permissions", permissions.look),
    Check("evenkeel", "certificates", certificates.look),
    Check("Cloud", "identities", identities.look),
    Check("Containers", "engine", engine.look),
    Check("Containers", "containers", containers.look),
    Check("Containers", "ports", ports.look),
    Check("Containers", "registries", registries.look, registries.LIMIT_S),
    Check("Operating system", "slots", slots.look),
    Check("Connectivity", "hosts", hosts.look, 7.0),
    Check("Connectivity", "ping", ping.look),
    Check("Connectivity", "broker", broker.look),
    Check("Connectivity", "agents", agents.look),
)
