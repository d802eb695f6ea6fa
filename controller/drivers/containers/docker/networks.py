"""The network that stands for mode bridge: there is one, whoever made it, and it is made again when it is gone.

An engine makes a second network of the same name when two clients ask at once, and starts nothing on either of them
afterwards (measured, 20.10). So the networks of the name are listed again after one was made, all but one are removed,
and every controller on the engine chooses the same one: one in use before one that is not, and the smallest id of those
alike. Only a network that no container points to is ever removed, not even a stopped one.

A container points to its network by id. When the network is removed, a stopped container cannot be started any more,
also not after one of the same name was made; a disconnected container starts, and is on no network (measured, 20.10).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from evenkeel.controller.drivers.containers.docker.answers import ContainerEntry, Inspected, NetworkEntry, endpoints
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.render import NAME_LABEL, SPEC_LABEL
from evenkeel.specs.errors import Unavailable

log = logging.getLogger(__name__)
_MAKINGS = 5


class Attachment(NamedTuple):
    """The networks of one container by its inspection: ids by name ("" until it is first started), whether it has an
    endpoint on each that it has to be on, and its network mode."""

    mode: str
    is_ours: bool
    is_running: bool
    ids: Mapping[str, str]
    has_endpoint: bool


def attachment(inspected: Inspected) -> Attachment:
    found = endpoints(inspected)
    ids = {name: endpoint.get("NetworkID", "") for name, endpoint in found.items()}
    has = any(endpoint.get("EndpointID") or endpoint.get("IPAddress") for endpoint in found.values())
    labels = inspected["Config"].get("Labels") or {}
    state = inspected["State"].get("Status")
    mode = inspected["HostConfig"].get("NetworkMode") or "default"
    return Attachment(mode, SPEC_LABEL in labels, state in ("running", "paused"), ids, has)


def needs_network(it: Attachment) -> bool:
    """Whether the container needs a network: not on the host's, on none, or on another container's."""
    return it.mode not in ("host", "none") and not it.mode.startswith("container:")


def cut_off(it: Attachment, network: str, there: Mapping[str, str] | None, kept: str = "") -> str:
    """Why a container is cut off from its network, "" when it is not. `network`: the name for mode bridge. `there`: the
    ids of all networks → their names, `None` when they were not listed. `kept`: the id of the one network of the name,
    if several have it."""
    if not needs_network(it):
        return ""
    if not it.ids:
        return "it is on no network"
    if it.is_ours and network not in it.ids:
        return f"it is not on the network {network}"
    if it.is_running and not it.has_endpoint:
        return "it has no endpoint on its network"
    if there is None:
        return ""
    gone = [name for name, id_ in it.ids.items() if id_ and id_ not in there and id_ not in there.values()]
    if gone:
        return f"its network {', '.join(gone)} is gone"
    if it.is_ours and kept and it.ids[network] not in ("", network, kept):
        return f"it is on another network that is named {network}, too"
    return ""


def is_doubtful(found: Mapping[str, Attachment]) -> bool:
    """Whether networks have to be listed. A container that runs keeps its network, so only one that does not run, or is
    on another network than the others, may be cut off."""
    kept = {id_ for it in found.values() if it.is_running and it.has_endpoint for id_ in it.ids.values()}
    ours = {id_ for it in found.values() if it.is_ours for id_ in it.ids.values() if id_}
    return len(ours) > 1 or any(id_ and id_ not in kept for it in found.values() for id_ in it.ids.values())


class Networks:
    """The networks of one engine; `name` is that of the one for mode bridge."""

    def __init__(self, client: EngineClient, name: str) -> None:
        self._client, self.name = client, name
        self._alone = asyncio.Lock()
        self._ensured = "", float("-inf")
        """The network that was there last, and when that was asked, by the clock of the event loop."""

    async def there(self) -> dict[str, str]:
        """The ids of all networks → their names."""
        return {entry["Id"]: entry["Name"] for entry in await self._client.get_list("/networks", NetworkEntry)}

    async def find(self) -> str:
        """The id of the network for mode bridge, of several the one to use; "" when there is none."""
        ranked = await self._ranked()
        return ranked[0].id if ranked else ""

    async def ensure(self, within_s: float = 0.0) -> str:
        """The id of the one network for mode bridge; it is made if it is not there, and others of its name are removed.
        `within_s`: for how long an answer from before counts."""
        now = asyncio.get_running_loop().time
        asked_s = now() - within_s
        async with self._alone:
            if self._ensured[1] >= asked_s:  # begun by another one since
                return self._ensured[0]
            begun_s = now()
            if not (ranked := await self._ranked()):
                await self._make()
                ranked = await self._ranked()
            if not ranked:
                raise Unavailable(self._client.element, f"the network {self.name} was made and is not there")
            for other in ranked[1:]:
                if other.is_empty:
                    await self._remove(other.id)
            self._ensured = ranked[0].id, begun_s
            return ranked[0].id

    async def join(self, instance: str, it: Attachment, endpoint: Mapping[str, Any]) -> None:
        """Put a container on its network, whether it runs or not, and take it from those that are gone. `endpoint`: its
        settings on the network for mode bridge. An adopted container returns to the network that it was created for."""
        if not needs_network(it):
            return
        there = await self.there()
        target, config = await self._target(it, there, endpoint)
        target_name = there.get(target, self.name)
        for name, id_ in it.ids.items():
            is_gone = bool(id_) and id_ not in there and id_ not in there.values()
            if is_gone and name != target_name:
                await self._disconnect(name, instance)
            elif name == target_name and id_ in there and id_ != target:
                await self._disconnect(id_, instance)
        if it.ids.get(target_name) not in (target, target_name) or (it.is_running and not it.has_endpoint):
            await self._connect(target, instance, config)
        if target_name == self.name:
            await self.ensure()

    async def _target(
        self, it: Attachment, there: Mapping[str, str], endpoint: Mapping[str, Any]
    ) -> tuple[str, Mapping[str, Any]]:
        mode = "bridge" if it.mode == "default" else it.mode
        if not it.is_ours and mode != self.name:
            for id_, name in there.items():
                if mode in (id_, name):
                    return id_, {}
        return await self.ensure(), endpoint

    async def _connect(self, network: str, instance: str, config: Mapping[str, Any]) -> None:
        body = {"Container": instance, "EndpointConfig": config}
        try:
            await self._client.post(f"/networks/{network}/connect", body=body)
        except EngineAnswer as answer:
            if "already exists in network" not in answer.message:
                raise

    async def _disconnect(self, network: str, instance: str) -> None:
        body = {"Container": instance, "Force": True}
        try:
            await self._client.post(f"/networks/{network}/disconnect", body=body)
        except EngineAnswer as answer:
            if answer.status != 404 and "is not connected to" not in answer.message:
                raise

    async def _ranked(self) -> list[_Ranked]:
        """The networks of the name, the one to use first."""
        query = {"filters": json.dumps({"name": [f"^{self.name}$"]})}
        listed = await self._client.get_list("/networks", NetworkEntry, query)
        found = [entry for entry in listed if entry["Name"] == self.name]
        if len(found) == 1:
            return [_Ranked(id=found[0]["Id"])]
        return sorted([await self._rank(entry) for entry in found])

    async def _rank(self, network: NetworkEntry) -> _Ranked:
        query = {"all": "1", "filters": json.dumps({"network": [network["Id"]]})}
        containers = await self._client.get_list("/containers/json", ContainerEntry, query)
        is_used = any(each.get("State") in ("running", "paused") for each in containers)
        is_own = NAME_LABEL in (network.get("Labels") or {})
        return _Ranked(not is_used, not containers, is_own, network["Id"])

    async def _make(self) -> None:
        """Podman looks at all interfaces of the machine for addresses that are free, and fails when one of them goes meanwhile
        (measured, 4.3.1), as those of containers do."""
        for attempt in range(_MAKINGS):
            try:
                return await self._make_once()
            except EngineAnswer as answer:
                if "no such network interface" not in answer.message or attempt == _MAKINGS - 1:
                    raise
        return None

    async def _make_once(self) -> None:
        body = {"Name": self.name, "CheckDuplicate": True, "Driver": "bridge", "Labels": {NAME_LABEL: self.name}}
        try:
            await self._client.post("/networks/create", body=body)
        except EngineAnswer as answer:
            if answer.status != 409 and "already used" not in answer.message:  # another client has just made it
                raise

    async def _remove(self, network: str) -> None:
        """Remove a network that nothing points to; the engine refuses when that is not true any more."""
        try:
            await self._client.delete(f"/networks/{network}")
        except EngineAnswer as answer:
            if answer.status not in (403, 404, 409):
                raise
        else:
            log.info("removed a second network of one name", extra={"fields": {"name": self.name, "id": network}})


class _Ranked(NamedTuple):
    """Sorts networks of the name, the one to be used first."""

    is_unused: bool = False
    is_empty: bool = False
    is_own: bool = False
    id: str = ""
