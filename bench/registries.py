"""Twenty registries that are in force: their part of a settled cycle, and whether anybody is asked over the network for it."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import Row
from evenkeel.controller.drivers.registries.access import HttpAccess
from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.reconcilers.registries import Registries
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import NOTHING_DONE
from evenkeel.specs.registries.actions import Admit
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.registry import Registry

_COUNT, _WITH_CA, _TIMES = 20, 5, 200
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")


def measure() -> list[Row]:
    """Look, diff and plan, with the files of the documents and of what is in force."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    registries = [_registry(folder, number) for number in range(_COUNT)]
    configuration = DockerConfiguration(folder / "registries", f"unix://{folder}/none", folder / "certs.d")
    engine = RegistriesEngine(configuration, HttpAccess(), folder / "key")
    reconciler = Registries()
    want = reconciler.select(desired_state([Document("Registry", each.name, each) for each in registries]))
    await asyncio.sleep(2.5)  # files that have just been written are read again
    memory = await _in_force(engine, reconciler, want)
    asked = list[str]()
    sys.addaudithook(lambda event, _: asked.append(event) if event in _NETWORK else None)
    spent = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        seen = await engine.observe(reconciler.look(want, memory))
        differences = reconciler.diff(want, seen, memory)
        plan = reconciler.plan(differences, seen, memory)
        spent.append((time.perf_counter() - begun) * 1000)
        if any(each.verb not in NOTHING_DONE for each in differences) or plan.stages:
            raise RuntimeError(f"they are not settled: {differences}")
    await engine.close()
    what = f"{_COUNT} registries in force, {_WITH_CA} with an authority: look, diff and plan"
    return [
        Row(what, statistics.median(spent), "ms", f"{max(spent):.1f} ms at most in {_TIMES}", "1 ms"),
        Row("the same: calls over the network", len(asked), "", "", "0"),
    ]


async def _in_force(engine: RegistriesEngine, reconciler: Registries, want: RegistriesWanted) -> RegistriesMemory:
    """Put them in force, and remember that they were proven."""
    seen = await engine.observe(reconciler.look(want, RegistriesMemory()))
    for registry in want.subjects.values():
        there = seen.of(registry.place)
        if there is None:
            raise RuntimeError(f"{registry.place} was not looked at")
        await engine.perform(Admit(registry, there.asked), lambda message, done, total: None)
    return RegistriesMemory(
        admitted={registry.place: registry.name for registry in want.subjects.values()},
        proven={each.subject: each.asked for each in seen.registries},
    )


def _registry(folder: Path, number: int) -> Registry:
    password, ca = folder / f"password-{number}", ""
    password.write_text(f"secret of {number}\n")
    if number < _WITH_CA:
        ca = str(folder / f"ca-{number}.crt")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subject = ["-days", "30", "-subj", f"/CN={number}", "-keyout", f"{folder}/ca.key", "-out", ca]
        subprocess.run([*command, *subject], check=True, capture_output=True)
    place = f"r{number}.example" if ca else f"r{number}.example/org"
    return Registry(f"registry-{number:02}", place, user="ci", password_file=str(password), ca=ca)
