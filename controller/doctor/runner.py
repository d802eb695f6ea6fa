"""All checks side by side, each within its time; one that fails or hangs costs nothing but its own finding.

The order of the results is that of the checks, whatever ends first. A check that goes on after it was cancelled is left
behind, and told as one that did not end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evenkeel.controller.doctor.check import Check, NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.defect import defect_place
from evenkeel.controller.process.rights import SEE_DISK, unread_remedy
from evenkeel.specs.doctor.finding import Finding, Result
from evenkeel.specs.errors import EvenkeelError

TOTAL_S = 15.0
_GRACE_S = 1.0
"""The time for which a check that was cancelled is waited for."""
_FIRST = "look at the check `settings` first"
_SLOW = (
    "look at what it asks: a program, a name server or a mount that hangs; `evenkeel doctor` again tells if it lasts"
)
REPORT = "this is a defect of evenkeel; report it with the file of `evenkeel doctor --bundle FILE`"


async def examine(checks: Sequence[Check], device: Device, total_s: float = TOTAL_S) -> tuple[Result, ...]:
    """The results of all checks. Returns after `total_s` and a moment at the latest."""
    if not checks:
        return ()
    clock, begun = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
    ends = dict[asyncio.Task[Finding], float]()
    tasks = {each: asyncio.create_task(_look(each, device, min(each.limit_s, total_s))) for each in checks}
    for task in tasks.values():
        task.add_done_callback(lambda task: ends.setdefault(task, clock()))
    done, late = await asyncio.wait(tasks.values(), timeout=total_s + _GRACE_S)
    for task in late:
        task.cancel()
    return tuple(
        Result(
            each.section, each.name, task.result() if task in done else _hangs(each), ends.get(task, clock()) - begun
        )
        for each, task in tasks.items()
    )


async def _look(check: Check, device: Device, limit_s: float) -> Finding:
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await check.look(device)
    except NotApplicable as reason:
        return Finding("skipped", reason.why)
    except EvenkeelError as error:
        return Finding("unknown", error.message, unread_remedy(error, _FIRST if error.element == "settings" else ""))
    except TimeoutError:
        if limit.expired():
            return Finding("unknown", f"it did not end within {limit_s:g} s", _SLOW)
        return Finding("unknown", "an answer did not come in time", _SLOW)
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        return Finding("unknown", f"{about}{system_words(error)}", unread_remedy(error, SEE_DISK))
    except Exception as error:  # noqa: BLE001 - a check that is broken must not hide the others
        return Finding("unknown", f"the check is broken: {defect_place(error)}", REPORT)


def _hangs(check: Check) -> Finding:
    return Finding("unknown", f"it did not end within {check.limit_s:g} s, and not when it was told to", _SLOW)
