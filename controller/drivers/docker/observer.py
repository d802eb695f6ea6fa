"""What is there, seen through the Docker Engine API.

One look costs two lists and one inspection for each container of evenkeel's, a few at a time, over connections that are
kept; containers of others cost nothing. What never changes (the engine's version, the settings of an image, the abilities of
the kernel) is asked once. What the answers mean is `parse`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from evenkeel.controller.drivers.docker import parse
from evenkeel.controller.drivers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.docker.networks import Attachment, Networks, attachment, cut_off, is_doubtful
from evenkeel.controller.drivers.docker.registries import Registries
from evenkeel.controller.drivers.docker.render import asked_from
from evenkeel.controller.drivers.docker.uptime import Uptimes
from evenkeel.controller.probe import Probes
from evenkeel.specs.codec import changed
from evenkeel.specs.container import Health
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.observed import LATELY_S, ContainerSeen, ContainersSeen, Look


class Inspection(NamedTuple):
    """A container, and how it is attached to networks."""

    seen: ContainerSeen
    attachment: Attachment


class Observer:
    """The eyes of one engine's driver."""

    def __init__(
        self,
        client: EngineClient,
        registries: Registries,
        networks: Networks,
        owner: str,
        look_again: Callable[[], None],
    ) -> None:
        """`owner` as for `DockerEngine`. `look_again` is called when it is time to look into a failed probe."""
        self._client, self._registries = client, registries
        self._networks, self._owner = networks, owner
        self._probes, self._uptimes = Probes(look_again), Uptimes()
        self._version = ""
        self._is_podman = False
        self._abilities: parse.Abilities | None = None
        self._image_configs: dict[str, dict[str, Any]] = {}

    async def observe(self, look: Look) -> ContainersSeen:
        """As `Driver.observe`."""
        adopted = look.adopted
        entries, locals_, version = await self._read_all(
            self._client.get("/containers/json", {"all": "1"}), self._client.get("/images/json"), self._engine_version()
        )
        ours = {entry["Id"]: entry for entry in entries if parse.is_ours(entry, self._owner) or entry["Id"] in adopted}
        others = [parse.parse_foreign(entry) for entry in entries if entry["Id"] not in ours]
        self._probes.forget_all_but(ours)
        self._uptimes.forget_all_but(ours)
        seen = await self._read_all(
            *(
                self._look_on(id_, adopted.get(id_, ""), look.checks)
                for id_, entry in ours.items()
                if look.subject in ("", adopted.get(id_) or parse.subject_of(entry))
            )
        )
        present = await self._told_cut_off([each for each in seen if each is not None])
        remote = await self._read_all(*(self._registries.look_up(image, fresh=look.fresh) for image in look.images))
        by_reference, digests = parse.parse_images(locals_)
        return ContainersSeen(
            engine=version,
            in_place=self._in_place(),
            reconnects=not self._is_podman,
            containers=tuple(sorted([*others, *present], key=lambda each: each.id)),
            images=by_reference,
            digests=digests,
            remote={image: found for image, found in zip(look.images, remote, strict=True) if found is not None},
        )

    async def close(self) -> None:
        """End what runs beside the looks."""
        await self._probes.close()

    async def at_this_moment(self, instance: str, check: Health | None) -> ContainerSeen | None:
        """One container with its health as one probe of `check` finds it now; `None` when it is gone meanwhile."""
        found = await self.inspect(instance)
        return await self._probes.once(found.seen, check) if found else None

    async def _look_on(self, instance: str, subject: str, checks: Mapping[str, Health] | None) -> Inspection | None:
        """One container with its health over time; `None` when it is gone meanwhile. `subject` as for `inspect`, `checks`
        as for `Look`."""
        found = await self.inspect(instance, subject)
        if found is None or found.seen.container is None:
            return found
        check = found.seen.container.health if checks is None else checks.get(found.seen.name)
        up_s = self._uptimes.known_s(found.seen.id)
        return found._replace(seen=await self._probes.over_time(found.seen, check, up_s))

    async def _told_cut_off(self, found: Sequence[Inspection]) -> list[ContainerSeen]:
        """Containers, each with why it is cut off from its network. Networks are listed only when inspections cannot tell."""
        there, kept = None, ""
        if is_doubtful({each.seen.id: each.attachment for each in found}):
            there, kept = await self._read_all(self._networks.there(), self._networks.kept())
        return [
            changed(each.seen, cut_off=cut_off(each.attachment, self._networks.name, there, kept)) for each in found
        ]

    async def inspect(self, id_: str, subject: str = "") -> Inspection | None:
        """One container, but for its health over the network, and for what only a list of networks tells of its own; `None`
        when there is none. `subject`: what it is, if somebody else than itself tells."""
        try:
            inspected = await self._client.get(f"/containers/{id_}/json")
        except EngineAnswer as answer:
            if answer.status == 404:
                return None
            raise Unavailable("engine:docker", answer.message) from None
        try:
            image_config = None
            if asked_from(inspected["Config"].get("Labels") or {}) is None:
                image_config = await self._image_config(inspected.get("Image", ""))
            abilities = await self._what_it_keeps() if parse.lost_limits(inspected) else parse.Abilities()
            seen = parse.parse_container(inspected, self._networks.name, image_config, abilities, subject)
            up_s = self._uptimes.look(seen.id, inspected["State"].get("Pid") or 0, seen.started_at)
            it = attachment(inspected)
            seen = changed(
                seen,
                cut_off=cut_off(it, self._networks.name, None),
                lately_started=seen.state == "running" and up_s < LATELY_S,
            )
            return Inspection(seen, it)
        except (LookupError, TypeError, ValueError) as error:
            why = f"what it says of {parse.short_name(inspected, id_)} cannot be read: {type(error).__name__} {error}"
            raise Unavailable("engine:docker", why) from error

    def _in_place(self) -> Literal["finite", "none"]:
        """Docker changes limits but does not lift them, and keeps none of those that the kernel does not know; Podman's copy
        of the API has no update at all."""
        lost_some = self._abilities is not None and not all(self._abilities)
        return "none" if self._is_podman or lost_some else "finite"

    async def _what_it_keeps(self) -> parse.Abilities:
        """Which limits the kernel below the engine allows; asked when a container has lost some, for it is a slow question."""
        if self._abilities is None:
            found = await self._client.get("/info")
            self._abilities = parse.Abilities(bool(found.get("MemoryLimit")), bool(found.get("SwapLimit")))
        return self._abilities

    async def _image_config(self, image_id: str) -> dict[str, Any]:
        """The settings of an image. An id names content, so what was read once holds for ever."""
        if image_id not in self._image_configs:
            try:
                found = await self._client.get(f"/images/{image_id}/json")
            except EngineAnswer:
                return {}
            self._image_configs[image_id] = found.get("Config") or {}
        return self._image_configs[image_id]

    async def _engine_version(self) -> str:
        if not self._version:
            answer = await self._client.get("/version")
            parts = answer.get("Components") or ()
            self._is_podman = any("podman" in str(part.get("Name", "")).lower() for part in parts)
            self._version = f"{'podman' if self._is_podman else 'docker'} {answer.get('Version', '')}".strip()
        return self._version

    async def _read_all(self, *reads: Any) -> list[Any]:
        """All answers; of several failures the first. EngineAnswer here means that the engine cannot be asked."""
        try:
            return await asyncio.gather(*reads)
        except EngineAnswer as answer:
            raise Unavailable("engine:docker", answer.message) from None
