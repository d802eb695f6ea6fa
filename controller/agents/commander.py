"""The commander of an update agent: sends it a desired state, receives its feedback, and commands its phases.

Commands as Kanto's Update Manager does (update-manager.md §3.3): each phase for everything, the next one only when the
last one has ended; a failure is rolled back before it is cleaned up. Each command follows from the newest feedback and
from nothing else. Feedback is lost while the commander is not connected. So after every new connection the desired
state is sent again, and an agent that has it open answers with its status.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.kanto.heard import ENDS, Heard, heard_from
from evenkeel.specs.kanto.topics import topic_prefix

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import MqttLink
    from evenkeel.specs.settings.settings import Settings

NEXT: Mapping[str, str] = {
    "IDENTIFIED": "DOWNLOAD",
    "DOWNLOAD_SUCCESS": "UPDATE",
    "UPDATE_SUCCESS": "ACTIVATE",
    "ACTIVATION_SUCCESS": "CLEANUP",
    "DOWNLOAD_FAILURE": "ROLLBACK",
    "UPDATE_FAILURE": "ROLLBACK",
    "ACTIVATION_FAILURE": "ROLLBACK",
    "ROLLBACK_SUCCESS": "CLEANUP",
    "ROLLBACK_FAILURE": "CLEANUP",
}
"""Status → the next command."""
_REFUSED = "is possible only after status"


def passing_link(settings: Settings, name: str, *, beginnings: bool = False) -> MqttLink:
    """A connection with the settings' access that leaves no trace at the broker, and does not take the controller's
    place. `beginnings`: the beginning of a message that is too large is received."""
    import os

    from evenkeel.controller.mqtt import MqttLink
    from evenkeel.specs.codec import changed

    client = f"evenkeel-{name}-{os.urandom(4).hex()}"[:23]
    return MqttLink(changed(settings.mqtt, client_id=client, will=None), lasting=False, beginnings=beginnings)


async def connected(link: MqttLink, element: str, limit_s: float) -> None:
    """Return when all subscriptions are in force; Unavailable with the reason when they are not in time."""
    try:
        async with asyncio.timeout(limit_s):
            async for up in link.connections():
                if up:
                    return
    except TimeoutError:
        why = link.why or "no answer to the subscription"
        raise Unavailable(element, f"no connection within {limit_s:g} s: {why}") from None


class Commander:
    """Sends one desired state at a time. The link is the caller's, and started."""

    def __init__(self, link: MqttLink, domain: str = "containers", now: Now = system_now) -> None:
        self._link, self._now = link, now
        prefix = topic_prefix(domain)
        self._desired, self._command = f"{prefix}/desiredstate", f"{prefix}/desiredstate/command"
        self._sent: set[str] = set()
        link.subscribe(f"{prefix}/desiredstatefeedback")

    def message(self, activity: str, payload: Any) -> bytes:
        """An envelope with the present time."""
        return json.dumps({"activityId": activity, "timestamp": int(self._now() * 1000), "payload": payload}).encode()

    async def carry_out(
        self,
        activity: str,
        payload: Any,
        *,
        drive: bool,
        on_feedback: Callable[[Heard], None],
        limit_s: float | None = None,
    ) -> Heard:
        """Send a desired state, follow the activity to its end, and return the last feedback. `drive`: command the
        phases, too. `on_feedback` is called with all feedback. TimedOut when the activity has not ended within
        `limit_s`."""
        desired = self.message(activity, payload)
        self._sent.clear()
        sending_again = asyncio.create_task(self._send_again(desired))
        last: Heard | None = None
        try:
            # an own iterator: a cancelled one is exhausted
            async with asyncio.timeout(limit_s), aclosing(self._link.messages()) as messages:  # type: ignore[type-var]
                await self._link.publish(self._desired, desired)
                async for message in messages:
                    await message.done()
                    feedback = heard_from(message.payload)
                    if feedback is None or feedback.activity_id != activity:
                        continue
                    if feedback.status == "SUPERSEDED" and last is None:
                        continue  # the end of another activity with this id, which this one replaces
                    last = feedback
                    on_feedback(feedback)
                    if feedback.status in ENDS and not feedback.baseline:
                        return feedback
                    if drive:
                        await self._answer(feedback)
        except TimeoutError:
            stands = f"it stands at {last.status}" if last is not None else "nobody answered"
            raise TimedOut(f"activity:{activity}", f"no end after {limit_s:g} s; {stands}") from None
        finally:
            sending_again.cancel()
            with suppress(asyncio.CancelledError):
                await sending_again
        raise Unavailable(f"activity:{activity}", "the link was closed")

    async def _answer(self, feedback: Heard) -> None:
        command = NEXT.get(feedback.status, "")
        nothing_to_do = feedback.status == "IDENTIFIED" and not feedback.actions
        if command and command not in self._sent and not nothing_to_do and _REFUSED not in feedback.message:
            self._sent.add(command)
            await self._link.publish(self._command, self.message(feedback.activity_id, {"command": command}))

    async def _send_again(self, desired: bytes) -> None:
        """Send the desired state again after each connection except the present one."""
        lost = False
        async for up in self._link.connections():
            if up and lost:
                self._sent.clear()
                await self._link.publish(self._desired, desired)
            lost = lost or not up
