"""The driver of the slots domain, over any updater, machine and store.

It refuses what would leave the device without anything to boot, whatever it is told: no action writes the booted slot, and none
takes the last good mark away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from evenkeel.controller.drivers.slots.ports import Machine, Store, Updater, Witness
from evenkeel.controller.drivers.slots.prove import prove
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.actions import (
    GOING_DOWN_S,
    Activate,
    Choose,
    Discard,
    Fetch,
    Inspect,
    Install,
    MarkBad,
    MarkGood,
    Prove,
    Reboot,
    Restore,
)
from evenkeel.specs.slots.observed import SlotSeen, SlotsLook, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem
from evenkeel.specs.window import Window

_ON_THE_DEVICE = "file://"
LOOK_S = 20.0
"""A look that takes longer is given up."""
_AGAIN_S = 2.0
"""The pause between two looks at something that is waited for."""


class Nobody:
    """A `Witness` where no other domain can be asked."""

    async def unwell(self, names: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(names, "cannot be asked here")


class SlotsEngine:
    """A `Driver` of the slots domain."""

    def __init__(self, updater: Updater, machine: Machine, store: Store, witness: Witness | None = None) -> None:
        self.updater, self.machine, self.store = updater, machine, store
        self.witness: Witness = witness or Nobody()

    async def observe(self, look: Look = Look()) -> SlotsSeen:
        try:
            async with asyncio.timeout(LOOK_S):
                seen = await self.updater.look()
        except TimeoutError as error:
            raise TimedOut("engine:slots", f"the updater did not answer within {LOOK_S:g} s") from error
        return changed(
            seen,
            subjects=look.subjects if isinstance(look, SlotsLook) else (),
            boot=self.machine.boot(),
            bundles=tuple(self.store.bundles()),
            free=self.store.free(),
            no_reboot=await self.machine.obstacle(),
            at=self.machine.now(),
            up_s=self.machine.up_s(),
        )

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        try:
            return await self._perform(action, progress)
        except (Unavailable, TimedOut) as error:
            return Retry(error.message, outside=True)
        except Refused as error:
            return Failed(error.message)

    async def _perform(self, action: Action, progress: Progress) -> Outcome:
        match action:
            case Fetch(system=system):
                return Done(f"fetched {rough_size_text(await self.store.fetch(system, progress))}")
            case Inspect():
                return await self._inspect(action)
            case Install():
                return await self._install(action, progress)
            case Activate():
                return await self._activate(action, progress)
            case Restore(slot=slot, label=label):
                await self._booted(slot, label)
                await self.updater.mark("active", slot)
                return Done(f"slot {label} boots next again")
            case Choose():
                return await self._choose(action)
            case Reboot():
                return await self._reboot(action, progress)
            case Prove():
                return await prove(action, self.updater, self.machine, self.witness, progress)
            case MarkGood(slot=slot, label=label):
                await self._booted(slot, label, or_rescue=True)
                await self.updater.mark("good", slot)
                return Done(f"slot {label} is marked good")
            case MarkBad():
                return await self._mark_bad(action)
            case Discard(keys=keys):
                self.store.discard(keys)
                return Done("the bundle is discarded" if len(keys) == 1 else f"{len(keys)} bundles are discarded")
            case _:
                return Failed(f"nobody can {action.traits.text}")

    def nudges(self) -> AsyncIterator[None]:
        return self.updater.nudges()

    async def close(self) -> None:
        await self.updater.close()

    # ── installing ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _inspect(self, action: Inspect) -> Outcome:
        system, seen = action.system, await self.updater.look()
        manifest = await self.updater.inspect(self._source(system, streams=action.streams), system)
        if seen.compatible and manifest.compatible != seen.compatible:
            return Failed(f"the bundle is for {manifest.compatible}, and this device is {seen.compatible}")
        if system.version and manifest.version != system.version:  # a person may install whatever the bundle has
            return Failed(f"the bundle has version {manifest.version}, and {system.version} is asked for")
        if system.sha256 and system.bundle.startswith(_ON_THE_DEVICE):
            found = await self.store.digest(system)
            if found != system.sha256:
                return Failed(f"the SHA-256 of the bundle is {found[:12]}…, not {system.sha256[:12]}… as asked for")
        return Done(f"the bundle has version {manifest.version} and a valid signature")

    async def _install(self, action: Install, progress: Progress) -> Outcome:
        slot, system = action.slot, action.system
        seen, has_waited = await self._at_rest(progress)
        target = _slot(seen, slot)
        if slot == seen.booted or target.state != "inactive":
            return Failed(f"slot {action.label} is in use, and is never written")
        if not _is_bootable_without(slot, seen):
            return Failed(f"slot {action.label} is the last one that can be booted, and is not written")
        if target.is_readonly:
            return Failed(f"slot {action.label} is read-only")
        is_new = not (target.content == "ok" and target.version == system.version and has_waited)
        failure: DriverError | None = None
        if is_new:
            try:
                await self.updater.install(self._source(system, streams=action.streams), system, slot, progress)
            except DriverError as error:
                failure = error
        if not action.keeps_primary:
            await self._keep(action.keeps, slot)
        if failure is not None:
            raise failure
        target = _written(await self.updater.look(), seen, action)
        if target.content != "ok" or (system.version and target.version != system.version):
            has = f"{target.version or 'nothing'} ({target.content})"
            return Failed(f"slot {action.label} has {has} after the install, and not {system.version}")
        chosen = "" if target.name == slot else f", which the updater has chosen instead of {action.label}"
        return Done(f"installed {target.version} into slot {target.label}{chosen}", target.name)

    async def _keep(self, keeps: str, slot: str) -> None:
        """Take back the mark that an updater gives to what it has installed."""
        seen = await self.updater.look()
        if seen.primary == slot and any(each.name == keeps for each in seen.bootable):  # the rescue system has no mark
            await self.updater.mark("active", keeps)

    async def _at_rest(self, progress: Progress) -> tuple[SlotsSeen, bool]:
        """The slots once no install goes on any more, and whether one did: ours from before a crash, or somebody else's."""
        seen, has_waited = await self.updater.look(), False
        while seen.operation:
            has_waited = True
            progress(f"waits for the updater, which is {seen.operation}", 0, 0)
            await asyncio.sleep(_AGAIN_S)
            seen = await self.updater.look()
        return seen, has_waited

    def _source(self, system: OperatingSystem, *, streams: bool) -> str:
        """The path or the address at which the updater finds the bundle."""
        if system.bundle.startswith(_ON_THE_DEVICE):
            return system.bundle.removeprefix(_ON_THE_DEVICE)
        return system.bundle if streams else self.store.path(system.key)

    # ── changing over ──────────────────────────────────────────────────────────────────────────────────────────

    async def _activate(self, action: Activate, progress: Progress) -> Outcome:
        passed = await self._opened(action.window, progress)
        target = _slot(await self.updater.look(), action.slot)
        if not target.bootname:
            return Failed(f"slot {action.label} cannot be booted by itself")
        if target.content in ("pending", "failed") or target.version not in ("", action.version):
            has = f"{target.version or 'nothing whole'} ({target.content})"
            return Failed(f"slot {action.label} has {has}, and not {action.version}")
        outcome = await self._let_boot_next(action.slot, action.label)
        return Done(f"{outcome.message}; {passed}") if passed and isinstance(outcome, Done) else outcome

    async def _choose(self, action: Choose) -> Outcome:
        target = _slot(await self.updater.look(), action.slot)
        if not target.bootname:
            return Failed(f"slot {action.label} cannot be booted by itself")
        if target.content in ("pending", "failed"):
            return Failed(f"slot {action.label} has nothing whole ({target.content})")
        return await self._let_boot_next(action.slot, action.label)

    async def _let_boot_next(self, slot: str, label: str) -> Outcome:
        await self.updater.mark("active", slot)
        primary = (await self.updater.look()).primary
        return Done(f"slot {label} boots next") if primary == slot else Retry("the mark did not last")

    async def _reboot(self, action: Reboot, progress: Progress) -> Outcome:
        """Without an end, but where the process outlives the boot, as on a simulated machine."""
        before = self.machine.boot()
        if action.by == "others":
            progress(f"waits for a reboot into slot {action.label} by somebody else", 0, 0)
            await self._rebooted(before, None)
            return Done("somebody has rebooted the device")
        clock = asyncio.get_running_loop().time
        refused_at: float | None = None
        while True:
            try:
                why = await self._hindrance(action, progress)
                if isinstance(why, Retry):
                    return why
                if not why:
                    progress("the device goes down", 0, 0)
                    await self.machine.reboot()
                    break
                refused_at = None
            except (Unavailable, TimedOut) as error:  # as while a shutdown is under way, which ends this process
                refused_at = clock() if refused_at is None else refused_at
                if clock() - refused_at >= GOING_DOWN_S:
                    raise
                why = error.message
            progress(f"the reboot waits: {why}", 0, 0)
            await asyncio.sleep(_AGAIN_S)
        if await self._rebooted(before, GOING_DOWN_S):
            return Done("the device was rebooted")
        return Retry(f"the device did not go down within {GOING_DOWN_S:g} s")

    async def _hindrance(self, action: Reboot, progress: Progress) -> str | Retry:
        """Why there is no reboot at this moment, in words; `Retry` when another plan is needed. All of it is looked at again
        after each wait: meanwhile the window may have ended, or somebody may have set another mark."""
        await self._opened(action.window, progress)
        seen = await self.updater.look()
        if seen.operation:  # the mark of the target may have changed, and what is written would be torn
            return f"the updater is {seen.operation}"
        if seen.primary != action.slot:
            return Retry(f"slot {action.label} does not boot next any more")
        return "; ".join(await self.machine.inhibitors())

    async def _rebooted(self, before: str, within_s: float | None) -> bool:
        """Wait for another boot than this one, which only a process on a simulated machine lives to see."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    if self.machine.boot() != before:
                        return True
                    await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            return False

    async def _opened(self, window: Window | None, progress: Progress) -> str:
        """Wait until the window is open. "", or that a simulated device has passed over the time until then."""
        passed = ""
        while window is not None and (wait_s := window.wait_s(self.machine.second_of_day())) > 0:
            progress(f"waits for {window.text}", 0, 0)
            if await self.machine.wait(wait_s):
                passed = f"this device is simulated, and did not wait for {window.text}"
        return passed

    async def _booted(self, slot: str, label: str, *, or_rescue: bool = False) -> None:
        """Raise Refused unless this slot is booted; or none of those that are booted in the ordinary course."""
        seen = await self.updater.look()
        is_rescue = or_rescue and all(each.name != seen.booted for each in seen.bootable)
        if seen.booted != slot and not is_rescue:
            raise Refused(f"slot:{slot}", f"slot {label} is not booted")

    async def _mark_bad(self, action: MarkBad) -> Outcome:
        seen = await self.updater.look()
        others = [each for each in seen.bootable if each.name != action.slot and each.boot_status == "good"]
        if action.slot == seen.booted:
            return Failed(f"slot {action.label} is booted, and is never marked bad")
        if not others:
            return Failed(f"slot {action.label} is the last one that can be booted, and is never marked bad")
        await self.updater.mark("bad", action.slot)
        return Done(f"slot {action.label} is marked bad")


def _written(seen: SlotsSeen, before: SlotsSeen, action: Install) -> SlotSeen:
    """The slot with a new record since the look before: the wanted one, or a rival of it. The wanted one when none has."""
    for name in (action.slot, *action.rivals):
        slot, former = seen.slot(name), before.slot(name)
        if slot is None or former is None or slot.content != "ok":
            continue
        if (slot.installs, slot.installed_at) != (former.installs, former.installed_at):
            return slot
    return _slot(seen, action.slot)


def _is_bootable_without(slot: str, seen: SlotsSeen) -> bool:
    """Whether a loss of power would boot a slot while this one is written; or the rescue system runs, which boots anyway."""
    is_rescue = all(each.name != seen.booted for each in seen.bootable)
    return is_rescue or any(each.boot_status != "bad" for each in seen.bootable if each.name != slot)


def _slot(seen: SlotsSeen, name: str) -> SlotSeen:
    """The slot of this name; Refused when there is none."""
    found = seen.slot(name)
    if found is None:
        raise Refused(f"slot:{name}", f"there is no slot {name}")
    return found
