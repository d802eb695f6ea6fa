"""Observations through the Docker Engine API.

One look costs two lists and one inspection for each container of evenkeel's, a few at a time, over connections that are
kept; containers of others cost nothing. Networks are listed only when the inspections leave a doubt. Answers that never
change (the engine's version, the settings of an image, the abilities of the kernel) are asked for once for each engine.
`parse` reads the answers.

An answer that cannot be read is no observation, and neither are two that contradict each other: a container that is
listed and cannot be inspected would be missing from the observation, and made a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from evenkeel.controller.drivers.containers.docker import answers, parse
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.configuration import Abilities, handed_out
from evenkeel.controller.drivers.containers.docker.events import NewestEnds, ends_of, is_reason_to_look
from evenkeel.controller.drivers.containers.docker.inherited import Inheritance, are_all_known
from evenkeel.controller.drivers.containers.docker.interfaces import first_open_port
from evenkeel.controller.drivers.containers.docker.kinds import DOCKER, Kind, kind_of, version_of
from evenkeel.controller.drivers.containers.docker.networks import (
    Attachment,
    Networks,
    attachment,
    cut_off,
    is_doubtful,
)
from evenkeel.controller.drivers.containers.docker.overdue import OverdueChecks
from evenkeel.controller.drivers.containers.docker.registries import Registries
from evenkeel.controller.drivers.containers.docker.render import asked_from
from evenkeel.controller.drivers.containers.docker.rootless import without_root
from evenkeel.controller.drivers.containers.docker.uptime import Uptimes
from evenkeel.controller.drivers.containers.probe import Probes
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Health
from evenkeel.specs.containers.observed import LATELY_S, ContainerSeen, ContainersLook, ContainersSeen, Lack
from evenkeel.specs.containers.redaction import Variables
from evenkeel.specs.errors import DriverError, TimedOut, Unavailable

LOOK_TIMEOUT_S = 240.0
"""No look takes longer than a watchdog waits for one (`controller.loop.liveness`)."""
_TELLS_WITHIN_S = 5.0
"""The time in which an engine tells of what has happened already. It does so at once."""
_NONSENSE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""The errors of reading, when values of the right type make no sense."""


class Inspection(NamedTuple):
    """A container, its attachment to networks, and its variables that were handed out, which no message may have."""

    seen: ContainerSeen
    attachment: Attachment
    env: Variables = ()


class Observer:
    """The looks of one engine's driver."""

    def __init__(
        self,
        client: EngineClient,
        registries: Registries,
        networks: Networks,
        owner: str,
        look_again: Callable[[], None],
        look_timeout_s: float = LOOK_TIMEOUT_S,
    ) -> None:
        """`owner` and `look_timeout_s` as for `DockerEngine`. `look_again` is called when it is time to look into a failed
        probe."""
        self._client, self._registries = client, registries
        self._networks, self._owner, self._look_timeout_s = networks, owner, look_timeout_s
        self._probes, self._uptimes = Probes(look_again), Uptimes()
        self._overdue = OverdueChecks(client, look_again)
        self.ends = NewestEnds()
        """The exit codes of containers, from events."""
        self._restarts: dict[str, int] = {}
        """By id: how often the engine had restarted a container before it was started for a rename, which begins the
        engine's count anew."""
        self._networks_of: dict[str, frozenset[str]] = {}
        """Containers of evenkeel's, and the ids of the networks that each was on at the last look."""
        self._version, self._version_of = "", -1
        self._kind = DOCKER
        self._abilities: Abilities | None = None
        self._image_configs: dict[str, answers.Config] = {}
        self._inheritance = Inheritance()

    async def observe(self, look: ContainersLook) -> ContainersSeen:
        """See `Driver.observe`. The whole look has a limit, because each answer of a slow engine may come in time, and
        all together too late."""
        try:
            async with asyncio.timeout(self._look_timeout_s):
                return await self._observe(look)
        except TimeoutError:
            why = f"a look has no end after {self._look_timeout_s:g} s"
            raise TimedOut(self._client.element, why) from None

    async def _observe(self, look: ContainersLook) -> ContainersSeen:
        adopted = look.adopted
        with self._asking("a look"):
            async with asyncio.TaskGroup() as group:
                listing = group.create_task(self._list())
                images = group.create_task(self._list_images())
            version = await self._engine_version()
            entries, here = listing.result(), images.result()
            if not are_all_known(entries, here):
                here = await self._list_images()
            self._inheritance.learn(entries, here)
            entries = [self._inheritance.entry(entry) for entry in entries]
            ours = {each["Id"]: each for each in entries if parse.is_ours(each, self._owner) or each["Id"] in adopted}
            others = [parse.parse_foreign(entry) for entry in entries if entry["Id"] not in ours]
            by_reference, digests = parse.parse_images(here)
            self._probes.forget_all_but(ours)
            self._overdue.forget_all_but(ours)
            self._uptimes.forget_all_but(ours)
            self.ends.forget_all_but(ours)
            self._restarts = {id_: count for id_, count in self._restarts.items() if id_ in ours}
            self._networks_of = {id_: self._networks_of.get(id_, frozenset()) for id_ in ours}
            asked = [
                id_ for id_, entry in ours.items() if look.subject in ("", adopted.get(id_) or parse.subject_of(entry))
            ]
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look_on(id_, adopted.get(id_, ""), look)) for id_ in asked]
            present = await self._told_cut_off([found for each in looks if (found := each.result()) is not None])
            asked_about = () if look.here_only else look.images
            remote = await self._registries.look_up(asked_about, fresh=look.fresh)
        return ContainersSeen(
            engine=version,
            in_place=self._in_place(),
            reconnects=self._kind.reconnects,
            lacks=(*self._kind.lacks, *await self._unlimited(look)),
            containers=tuple(sorted([*others, *present], key=lambda each: each.id)),
            images=by_reference,
            digests=digests,
            remote=remote,
            unasked={image: self._registries.why(image) for image in asked_about if image not in remote},
            only=look.subject,
        )

    def hear(self, event: object) -> bool:
        """Take in the next event of the engine. True when it is a reason to look."""
        self.ends.hear(event)
        return is_reason_to_look(event, self._networks_of, frozenset().union(*self._networks_of.values()))

    async def close(self) -> None:
        """End the tasks that run beside the looks."""
        await self._probes.close()
        await self._overdue.close()

    async def at_this_moment(self, instance: str, check: Health | None) -> ContainerSeen | None:
        """One container with its health as one probe of `check` finds it now; `None` when it is gone meanwhile."""
        found = await self.inspect(instance)
        if found is None:
            return None
        self._run_overdue(found.seen)
        return await self._probes.once(found.seen, check)

    def _run_overdue(self, seen: ContainerSeen) -> None:
        if not self._kind.has_clock:
            self._overdue.look(seen)

    async def inspect(self, id_: str, subject: str = "") -> Inspection | None:
        """One container, without its health over the network and without faults that only a list of networks shows;
        `None` when there is none. `subject`: the name under which it was adopted."""
        with self._asking(f"container {id_[:12]}"):
            inspected = await self.read(id_)
            if inspected is None:
                return None
            image_config = None
            if asked_from(inspected["Config"].get("Labels") or {}) is None:
                image_config = await self._image_config(inspected.get("Image", ""))
            abilities = await self._what_it_keeps() if parse.lost_limits(inspected) else Abilities()
            seen = parse.parse_container(inspected, self._networks.name, image_config, abilities, subject)
            up_s = self._uptimes.look(seen.id, inspected["State"].get("Pid", 0), seen.started_at)
            it = attachment(inspected)
            seen = changed(
                seen,
                cut_off=cut_off(it, self._networks.name, None),
                lately_started=seen.state == "running" and up_s < LATELY_S,
                ended_with=self.ends.code(seen.id, seen.finished_at),
                restart_count=seen.restart_count + self._restarts.get(seen.id, 0),
            )
            return Inspection(seen, it, handed_out(inspected["Config"]))

    def keep_restarts(self, waiting: answers.Inspected) -> None:
        """A container that waits to be restarted is about to be started: its engine forgets how often it has ended, and
        how."""
        seen = parse.parse_container(waiting, self._networks.name, None, Abilities(), "")
        self._restarts[seen.id] = self._restarts.get(seen.id, 0) + max(seen.restart_count, 1)
        self.ends.learn(seen.id, seen.finished_at, seen.exit_code)

    async def read(self, instance: str) -> answers.Inspected | None:
        """The inspection of a container, by id or name, without inherited labels; `None` when there is none, which the
        list of all has to confirm."""
        try:
            found = await self._client.get(f"/containers/{instance}/json", answers.Inspected)
        except EngineAnswer as answer:
            if answer.status != 404:
                raise
            if any(instance in (entry["Id"], parse.entry_name(entry)) for entry in await self._list()):
                raise Unavailable(
                    self._client.element, f"{answer.request}: it is listed, and {answer.message}"
                ) from None
            return None
        if instance not in (found["Id"], found["Name"].removeprefix("/")):
            why = f"GET /containers/{instance}/json: the answer is about {found['Id'][:12]}"
            raise Unavailable(self._client.element, why)
        return (await self.kind()).inspected(self._inheritance.inspected(found))

    async def _list(self) -> list[answers.ContainerEntry]:
        return await self._client.get_list("/containers/json", answers.ContainerEntry, {"all": "1"})

    async def _look_on(self, instance: str, subject: str, look: ContainersLook) -> Inspection | None:
        """One container with its health over time; `None` when it is gone meanwhile. `subject` as for `inspect`."""
        found = await self.inspect(instance, subject)
        if found is None or found.seen.container is None:
            return found
        self._run_overdue(found.seen)
        check = found.seen.container.health if look.checks is None else look.checks.get(found.seen.name)
        if found.seen.id in look.ends and await self._ended_alone(found.seen):
            found = found._replace(seen=changed(found.seen, ended_alone=True))
        up_s = self._uptimes.known_s(found.seen.id)
        return found._replace(seen=await self._probes.over_time(found.seen, check, up_s))

    async def _ended_alone(self, seen: ContainerSeen) -> bool:
        """See `ContainerSeen.ended_alone`. The log of an engine that keeps it from one life to the next proves nothing."""
        if seen.state != "exited" or seen.exit_code or seen.error or not self._kind.log_ends_with_it:
            return False
        async with ends_of(self._client, seen.id, self.ends.hear) as ends:
            return await ends.was_alone(_TELLS_WITHIN_S)

    async def _told_cut_off(self, found: Sequence[Inspection]) -> list[ContainerSeen]:
        """The containers, each with the reason why it is cut off from its network."""
        there, kept = None, ""
        self._networks_of |= {each.seen.id: frozenset(each.attachment.ids.values()) for each in found}
        if is_doubtful({each.seen.id: each.attachment for each in found}):
            there, kept = await self._networks.there(), await self._networks.find()
        return [
            changed(each.seen, cut_off=cut_off(each.attachment, self._networks.name, there, kept)) for each in found
        ]

    async def kind(self) -> Kind:
        """The kind of the engine, also before the first look at it."""
        await self._engine_version()
        return self._kind

    def _in_place(self) -> Literal["finite", "none"]:
        """No engine changes limits that it cannot keep."""
        lost_some = self._abilities is not None and not all(self._abilities)
        return "none" if lost_some else self._kind.in_place

    async def _unlimited(self, look: ContainersLook) -> tuple[Lack, ...]:
        """The limits that the kernel does not keep, where that matters to a look."""
        if not look.limits or "limits" in self._kind.lacks:
            return ()
        keeps = await self._what_it_keeps()
        return () if all(keeps) else ("swap-limits",) if keeps.memory else ("memory-limits",)

    async def _what_it_keeps(self) -> Abilities:
        """The limits that the kernel below the engine allows. It is a slow question, asked only when a container has
        lost some or is to have some, once for each engine."""
        if self._abilities is None:
            found = await self._client.get("/info", answers.SystemAnswer)
            self._abilities = Abilities(found.get("MemoryLimit", False), found.get("SwapLimit", False))
        return self._abilities

    async def _image_config(self, image_id: str) -> answers.Config:
        """The settings of an image, empty for one that is gone, which the list of all has to confirm. An id names
        content, so they hold for ever."""
        if image_id not in self._image_configs:
            try:
                found = await self._client.get(f"/images/{image_id}/json", answers.ImageInspected)
            except EngineAnswer as answer:
                if answer.status != 404 or image_id in await self._image_ids():
                    raise
                return {}
            self._image_configs[image_id] = found.get("Config") or {}
        return self._image_configs[image_id]

    async def _image_ids(self) -> set[str]:
        return {entry["Id"] for entry in await self._list_images()}

    async def _list_images(self) -> list[answers.ImageEntry]:
        """Also those whose tag another image made of them has taken."""
        return await self._client.get_list("/images/json", answers.ImageEntry, {"all": "1"})

    async def _engine_version(self) -> str:
        """The engine's version. After a new meeting, all earlier answers are forgotten: the engine may be another
        one."""
        if not self._version or self._version_of != self._client.meetings:
            met, server = self._client.meetings, self._client.server
            answer = None
            if not (version := version_of(server)):
                answer = await self._client.get("/version", answers.Version)
                version = answer["Version"]
            self._kind = await self._with_its_rights(kind_of(server, answer))
            self._probes.at_host = "addresses" in self._kind.lacks
            self._version = f"{self._kind.name} {version}".strip()
            self._version_of, self._abilities = met, None
        return self._version

    async def _with_its_rights(self, kind: Kind) -> Kind:
        """The kind of the engine, without the abilities that it lacks without root. Podman takes half a second for the answer;
        so it is asked only when the listener is not root."""
        if not self._client.listener:
            return kind
        return without_root(kind, await self._client.get("/info", answers.SystemAnswer), first_open_port())

    @contextmanager
    def _asking(self, about: str) -> Iterator[None]:
        """A no, and an answer of the right shape that cannot be read all the same, count as an engine that is
        unavailable."""
        try:
            yield
        except (DriverError, ExceptionGroup, *_NONSENSE) as raised:
            error = _first(raised)
            if isinstance(error, EngineAnswer):
                raise Unavailable(self._client.element, f"{error.request}: {error.message}") from None
            if isinstance(error, _NONSENSE):
                why = f"its answer about {about} cannot be read: {type(error).__name__} {error}"
                raise Unavailable(self._client.element, why) from error
            raise error from None


def _first(error: Exception) -> Exception:
    """The first of errors that several tasks raised."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
