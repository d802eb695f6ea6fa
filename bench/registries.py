"""Twenty registries that are in force, with all that a document can ask for: their part of a settled cycle, and whether anybody
is asked over the network for it."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.engines.dockerd import Dockerd
from tests.engines.podman import Podman

from bench.engines import make_engine
from bench.measuring import Row
from evenkeel.controller.drivers.registries.access import HttpAccess
from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces
from evenkeel.controller.drivers.registries.ports import Configuration
from evenkeel.reconcilers.registries import Registries
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import NOTHING_DONE, Done
from evenkeel.specs.registries.actions import Admit
from evenkeel.specs.registries.memory import Proven, RegistriesMemory
from evenkeel.specs.registries.registry import Registry

_COUNT, _TIMES = 20, 200
_QUIET_S = 2.5
"""Files that have just been written are read again."""


def measure() -> list[Row]:
    """Look, diff and plan, with the files of the documents and of what is in force, beside an engine that runs."""
    engine = make_engine()
    try:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_measure(Path(folder), engine))
    finally:
        engine.close()


async def _measure(folder: Path, real: Dockerd | Podman) -> list[Row]:
    registries = [_registry(folder, number) for number in range(_COUNT)]
    engine = RegistriesEngine(_configuration(folder, real), HttpAccess(), folder / "key")
    reconciler = Registries()
    want = reconciler.select(desired_state([Document("Registry", each.name, each) for each in registries]))
    memory = await _in_force(engine, reconciler, want)
    await asyncio.sleep(_QUIET_S)
    asked = list[str]()
    sys.addaudithook(lambda event, given: asked.append(event) if _is_network(event, given) else None)
    spent, worked = [], []
    for _ in range(_TIMES):
        begun, cpu = time.perf_counter(), time.process_time()
        seen = await engine.observe(reconciler.look(want, memory))
        differences = reconciler.diff(want, seen, memory)
        plan = reconciler.plan(differences, seen, memory)
        spent.append((time.perf_counter() - begun) * 1000)
        worked.append((time.process_time() - cpu) * 1000)
        if any(each.verb not in NOTHING_DONE for each in differences) or plan.stages:
            raise RuntimeError(f"they are not settled: {differences}")
    await engine.close()
    what = f"{_COUNT} registries in force, all with credentials and authorities, 9 insecure, one with mirrors"
    return [
        Row(f"{what}: look, diff and plan", statistics.median(spent), "ms", f"{min(spent):.1f} ms at least", "1 ms"),
        Row("the same: processor", statistics.median(worked), "ms", f"{min(worked):.1f} ms at least"),
        Row("the same: calls over the network", len(asked), "", "", "0"),
    ]


def _configuration(folder: Path, real: Dockerd | Podman) -> Configuration:
    if isinstance(real, Dockerd):
        return DockerConfiguration(folder / "registries", real.address, folder / "certs.d")
    place = real.containers_folder
    places = PodmanPlaces(folder / "certs.d", real.auth_file, place / "registries.conf.d")
    return PodmanConfiguration(folder / "registries", real.address, places)


def _is_network(event: str, given: tuple[object, ...]) -> bool:
    """The engine's own socket is none; its address is a path."""
    return event in ("socket.getaddrinfo", "socket.sendto") or (
        event == "socket.connect" and not isinstance(given[1], str)
    )


async def _in_force(engine: RegistriesEngine, reconciler: Registries, want: RegistriesWanted) -> RegistriesMemory:
    """Put them in force, and remember that they were proven."""
    seen = await engine.observe(reconciler.look(want, RegistriesMemory()))
    asked = {each.place: each.asked for each in seen.registries}
    for registry in want.subjects.values():
        outcome = await engine.perform(Admit(registry, asked[registry.place]), lambda message, done, total: None)
        if not isinstance(outcome, Done):
            raise RuntimeError(f"{registry.place}: {outcome.message}")
    return RegistriesMemory(
        admitted={registry.place: registry.name for registry in want.subjects.values()},
        proven={each.name: (Proven(each, asked[each.place]),) for each in want.subjects.values()},
    )


def _registry(folder: Path, number: int) -> Registry:
    """The first one is Docker Hub, for which Docker takes mirrors, and no authorities."""
    password, ca = folder / f"password-{number}", folder / f"ca-{number}.crt"
    password.write_text(f"secret of {number}\n")
    if number == 0:
        mirrors = ("https://a.example", "https://b.example")
        return Registry("hub", "docker.io", user="ci", password_file=str(password), mirrors=mirrors)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-days", "30", "-subj", f"/CN={number}", "-keyout", f"{folder}/ca.key", "-out", str(ca)]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    place = f"r{number}.example"
    return Registry(
        f"registry-{number:02}", place, "ci", password_file=str(password), ca=str(ca), insecure=number % 2 == 0
    )
