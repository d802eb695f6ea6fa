"""Drive one component at a time towards what an activity asks of it, and say how it stands.

Trouble that may pass is waited out for a while before it counts as failure, and said while it is waited out. A verdict comes
from a look at the very instance (`reconcilers.containers.standing`), never from what was done to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from evenkeel.controller.agents.conduct import ContainerCycles
from evenkeel.controller.agents.patience import Vain
from evenkeel.controller.agents.pins import ImagePins, as_pinned, named, unpinned, with_rejected
from evenkeel.controller.cycle.endings import Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.lateness import LATE_S
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.agents.commands import opens
from evenkeel.reconcilers.containers.found import digest_of, is_restless, youngest
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.containers.standing import Standing, standing
from evenkeel.reconcilers.gate import IsOpen, all_open
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, at_containers
from evenkeel.specs.errors import EvenkeelError, Refused, TimedOut, Unavailable
from evenkeel.specs.kanto.activity import ActivityAction, Command
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Done, Phase, Step

Waits = Callable[[str], None]
"""Say which trouble is being waited out; "" when it has passed."""
StepProgress = Callable[[Step, str, int, int], None]

_LONGEST_WAIT_S = 10.0
MOST_PROOFS = 5
"""A container that other hands stop again and again while it is watched does not become proven."""
_CLEANUP_PATIENCE_S = 10.0
"""An old instance that cannot be removed now is removed later, by cycles."""


class Interrupted(Exception):
    """Told to stop, or something has come that does not wait."""


def silent(step: Step, message: str, done: int, total: int) -> None:
    """Progress that nobody hears."""


class Components:
    """The components of one engine. `cut` ends what is waited for; `stopping` says that the end is for good."""

    def __init__(
        self,
        driver: Driver[ContainersSeen],
        cycles: ContainerCycles,
        stopping: asyncio.Event,
        patience: timedelta,
        alive: Callable[[], None],
    ) -> None:
        """`patience`: for how long one command waits out passing trouble in vain, of all its components together. `alive`
        is called whenever something is tried."""
        self._driver, self._cycles, self._alive = driver, cycles, alive
        self._patience_s, self._stopping = patience.total_seconds(), stopping
        self._away_since: float | None = None
        self._spent_s = 0.0
        """What was waited in vain since the command began."""
        self._silent = ""
        """Why the engine was given up for the rest of the command: each further question could hang for a minute."""
        self._watched: dict[str, int] = {}
        """Instances that stayed up while they were watched → their restarts until then."""

    def begin(self, revision: str) -> None:
        """A command begins, for this revision, with all its patience."""
        self._renew_patience()
        self._cycles.about(revision)

    def _renew_patience(self) -> None:
        self._away_since, self._spent_s, self._silent = None, 0.0, ""

    async def observe(self, look: Look, waits: Waits, cut: asyncio.Event) -> ContainersSeen | None:
        """One look of its own, with all patience, that waits out passing trouble; raises what is left after that, or when
        cut short while it waits. `None` when told to stop meanwhile."""
        self._renew_patience()
        return await self._observe(look, waits, cut, self._stopping)

    async def _observe(
        self, look: Look, waits: Waits, cut: asyncio.Event, at_once: asyncio.Event
    ) -> ContainersSeen | None:
        """As `observe`, with the patience that is left. `at_once` as for `_see`."""
        trouble = _Trouble(waits)
        while True:
            self._alive()
            try:
                seen = await self._see(look, trouble, cut, at_once)
            except (Unavailable, TimedOut, Refused) as error:
                if self._away_for_s() >= self._patience_s:
                    raise
                trouble.say(error.message)
                if await _pause(1.0, cut):
                    continue
                left: EvenkeelError = error
            else:
                if seen is not None:
                    trouble.say("")
                    return seen
                left = TimedOut("engine", trouble.said or "it was not waited for")
            if self._stopping.is_set():
                return None
            raise left

    async def _see(
        self, look: Look, trouble: _Trouble, cut: asyncio.Event, at_once: asyncio.Event
    ) -> ContainersSeen | None:
        """One look. While it is late, that is told. `None` when `cut` ended it while it was late, or `at_once` before."""
        begun = asyncio.get_running_loop().time()
        looking: asyncio.Future[ContainersSeen] = asyncio.ensure_future(self._cycles.observe(look))
        try:
            if await unless(at_once, asyncio.wait({looking}, timeout=LATE_S)) and not looking.done():
                self._away_since = begun if self._away_since is None else self._away_since
                trouble.late(f"{look.asked} was asked what is there, and has not answered within {LATE_S:g} s")
                await unless(cut, asyncio.wait({looking}))
            if not looking.done():
                return None
            seen = looking.result()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        self._away_since = None
        trouble.answered()
        return seen

    def _away_for_s(self) -> float:
        """For how long the engine has been found away."""
        now = asyncio.get_running_loop().time()
        self._away_since = now if self._away_since is None else self._away_since
        return now - self._away_since

    async def _look_at(self, look: Look, waits: Waits, cut: asyncio.Event) -> ContainersSeen | str:
        """One look, or why none could be made. Raises Interrupted when cut short."""
        if self._silent:
            return self._silent
        try:
            seen = await self._observe(look, waits, cut, cut)
        except (Unavailable, TimedOut, Refused) as error:
            if cut.is_set():
                raise Interrupted from error
            self._silent = error.message
            return error.message
        if seen is None:
            raise Interrupted
        return seen

    async def content(
        self, action: ActivityAction, want: ContainersWanted, waits: Waits, cut: asyncio.Event
    ) -> tuple[str, str]:
        """The digest of what was fetched for a component, "" when the engine knows none; and why nothing could be seen."""
        seen = await self._look_at(self._bare_look(action.subject), waits, cut)
        if isinstance(seen, str):
            return "", seen
        newest = youngest(action.subject, _only(action, want), seen, self._cycles.memory())
        return digest_of(newest, seen) if newest else "", ""

    async def stands(
        self, action: ActivityAction, want: ContainersWanted, waits: Waits, cut: asyncio.Event
    ) -> Standing:
        """How a component stands now. Of one that is started again and again only time tells how it ends."""
        seen = await self._look_at(self._look(_only(action, want), action.subject), waits, cut)
        if isinstance(seen, str):
            return Standing("unknown", seen)
        restless = self._restless(action, seen)
        if restless is not None and restless.container is not None:
            why = await self._watch(restless.id, restless.container, cut)
            if why:
                return Standing("sick", why)
            self._watched[restless.id] = restless.restart_count
        return self._by(action, want, seen)

    async def all_stand(
        self, actions: Sequence[ActivityAction], want: ContainersWanted, waits: Waits, cut: asyncio.Event
    ) -> dict[str, Standing]:
        """How several components stand by one and the same look, by subject. One that is restless has to be watched before
        anything can be said of it, and is away until then."""
        seen = await self._look_at(self._look(want, ""), waits, cut)
        if isinstance(seen, str):
            return {action.subject: Standing("unknown", seen) for action in actions}
        return {
            action.subject: Standing("away", "it is started again and again")
            if self._restless(action, seen)
            else self._by(action, want, seen)
            for action in actions
        }

    def _look(self, want: ContainersWanted, subject: str) -> Look:
        return changed(self._cycles.look(want), here_only=True, subject=subject)

    def _bare_look(self, subject: str) -> Look:
        """A look at the instances of one subject, without probes of their checks."""
        return changed(at_containers(self._cycles.look(None)), subject=subject, checks={})

    def _restless(self, action: ActivityAction, seen: ContainersSeen) -> ContainerSeen | None:
        """An instance that is started again and again, and was not watched since its last restart."""
        for each in seen.containers:
            if each.name == action.subject and is_restless(each) and not each.exit_code:
                return each if self._watched.get(each.id) != each.restart_count else None
        return None

    def _by(self, action: ActivityAction, want: ContainersWanted, seen: ContainersSeen) -> Standing:
        meant = changed(seen, remote=named(_meant(action, want).pinned))
        own = _unwatched(meant, self._watched)
        return standing(action.subject, _only(action, want), own, self._cycles.memory())

    async def _watch(self, instance: str, container: Container, cut: asyncio.Event) -> str:
        """Why it does not stay up; "" when it does."""
        watching = self._driver.perform(Verify(instance, container), lambda message, done, total: self._alive())
        proof = await unless(cut, watching)
        if proof is None:
            raise Interrupted
        return "" if isinstance(proof, Done) else proof.message

    async def put_up(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        command: Command,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
    ) -> Standing:
        """As far as the command's gate is open, and how the component stands then. One that other hands stop or remove at
        this very moment is put up again a few times."""
        stands = Standing("away", "it was not looked at")
        for _ in range(MOST_PROOFS):
            why = await self.drive(action, want, command, waits, cut, progress)
            stands = await self.stands(action, want, waits, cut)
            if why and not stands.is_well:
                return Standing(stands.how, why)
            if why or stands.how != "away":
                return stands
        return stands

    async def stands_at_last(
        self, action: ActivityAction, want: ContainersWanted, command: Command, waits: Waits, cut: asyncio.Event
    ) -> Standing:
        """How a component stands, after it was put up again where that helps."""
        stands = await self.stands(action, want, waits, cut)
        return await self.put_up(action, want, command, waits, cut) if stands.how == "away" else stands

    async def drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        command: Command,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
    ) -> str:
        """As far as the command's gate is open; "" when it went well, else why not."""
        patience_s = min(self._patience_s, _CLEANUP_PATIENCE_S) if command == "CLEANUP" else self._patience_s
        return await self._drive(action, want, opens(command), waits, cut, _meant(action, want), patience_s, progress)

    async def restore(
        self,
        action: ActivityAction,
        before: ContainersWanted,
        waits: Waits,
        cut: asyncio.Event,
        is_open: IsOpen = all_open,
    ) -> str:
        """Back to what was there, also to its content; "" when it went well, else why not. Without a look nothing is done:
        newer content under the same tag would be taken for what was there."""
        newer: tuple[str, ...] = ()
        if action.image_before:
            seen = await self._look_at(self._bare_look(action.subject), waits, cut)
            if isinstance(seen, str):
                return seen
            own = {each.image_id for each in seen.containers if each.name == action.subject}
            newer = tuple(sorted(own - {action.image_before}))
        return await self._drive(
            action, before, is_open, waits, cut, ImagePins(rejected=newer), self._patience_s, silent
        )

    async def _drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        is_open: IsOpen,
        waits: Waits,
        cut: asyncio.Event,
        pins: ImagePins,
        patience_s: float,
        progress: StepProgress,
    ) -> str:
        want, trouble = _only(action, want), _Trouble(waits)
        if self._silent:
            return self._silent
        vain, wait_s, proofs = Vain(), 0.5, 0

        async def see(look: Look) -> ContainersSeen | None:
            seen = await self._see(unpinned(at_containers(look), pins), trouble, cut, cut)
            return as_pinned(seen, pins) if seen is not None else None

        def meant(memory: ContainersMemory) -> ContainersMemory:
            return with_rejected(memory, pins)

        def report(step: Step, message: str, done: int, total: int) -> None:
            if step.action.traits.fetches:
                vain.comes(done)
                trouble.say("")
            progress(step, message, done, total)

        def late(step: Step, why: str) -> None:
            trouble.late(why) if why else trouble.answered()

        while True:
            self._alive()
            vain.tries()
            ending = await self._cycles.towards.by_a_stage(want, action.subject, is_open, see, cut, report, late, meant)
            match ending:
                case Settled():
                    trouble.say("")
                    return ""
                case Progressed():
                    trouble.say("")
                    vain.begin()
                    wait_s = 0.5
                case Stalled(why=why):
                    return why
                case Retrying(why=why, phase=phase):
                    why = why.removeprefix(f"{action.subject}: ")
                    if phase is None:
                        away_s = self._away_for_s()
                        self._silent = why if away_s >= self._patience_s else ""
                        is_over = away_s >= patience_s
                    else:
                        proofs += phase == Phase.VERIFY
                        is_over = vain.seconds >= patience_s - self._spent_s or proofs >= MOST_PROOFS
                    if is_over:
                        self._spent_s += vain.seconds
                        return why
                    trouble.say(why)
                    if not await _pause(wait_s, cut):
                        raise Interrupted
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                case Waiting():
                    raise Interrupted


def _only(action: ActivityAction, want: ContainersWanted) -> ContainersWanted:
    """The want of one component: no others are compared, no others' images looked up."""
    return want._replace(documents=tuple(each for each in want.documents if each[0].name == action.subject))


def _meant(action: ActivityAction, want: ContainersWanted) -> ImagePins:
    """The content of the image: once it is settled, that; until then what is found, or was when it was identified."""
    images = [container.image for container, _ in want.documents if container.name == action.subject]
    if action.digest is None:
        return ImagePins(fallback=dict.fromkeys(images, action.promised))
    return ImagePins(dict.fromkeys(images, action.digest))


def _unwatched(seen: ContainersSeen, watched: Mapping[str, int]) -> ContainersSeen:
    """As if nothing had been restarted that was watched since."""
    return changed(
        seen,
        containers=tuple(
            changed(each, restart_count=0) if watched.get(each.id) == each.restart_count else each
            for each in seen.containers
        ),
    )


async def _pause(seconds: float, cut: asyncio.Event) -> bool:
    """Wait; False when cut short."""
    try:
        await asyncio.wait_for(cut.wait(), seconds)
    except TimeoutError:
        return True
    return False


class _Trouble:
    """Says a reason when it is another than the last."""

    def __init__(self, waits: Waits) -> None:
        self._waits, self.said = waits, ""
        self._late = ""

    def say(self, why: str) -> None:
        if why != self.said:
            self.said = why
            self._waits(why)

    def late(self, why: str) -> None:
        """A look or a step takes long. That tells nothing new while trouble is waited out."""
        if not self.said:
            self._late = why
            self.say(self._late)

    def answered(self) -> None:
        """What took long goes on; other trouble than that is not over by it."""
        if self.said == self._late:
            self.say("")
