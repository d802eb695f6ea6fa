"""`evenkeel provision --rotate`: another pair follows the one in force, before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.specs.errors import EvenkeelError

if TYPE_CHECKING:
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity


def rotate_pair(settings: Settings, name: str, *, yes: bool, limit_s: float) -> int:
    """Let another pair follow the one in force; the exit code."""
    from evenkeel.controller.cli.consent import consents
    from evenkeel.controller.cli.identity import identity_here
    from evenkeel.controller.cli.provision import carrying
    from evenkeel.reconcilers.provisioning.rotation import rotation
    from evenkeel.specs.provisioning.actions import Follow
    from evenkeel.templates.provisioning_portal import rotation_lines

    carrying.check_files_in_force(settings)
    before = identity_here(settings, name)[1]
    if not before.is_asked:
        raise EvenkeelError("identity:", "no document asks for one; `evenkeel provision` makes one")
    carrying.check_not_failed(settings, before.name)
    name, former, was_second = before.name, before.current, before.there.pairs.second

    there = carrying.look(settings, name)
    try:
        action = rotation(there.there, there.seen)
    except ValueError as error:
        raise EvenkeelError(f"identity:{name}", str(error)) from None
    if action is None:
        echo("A rotation is under way; it goes on.")
    else:
        echo(f"{name}: {action.traits.text}; what is in force stays until it is let in.")
        if not yes and not consents():
            return 1
        carrying.perform(settings, name, [action], alone=not carrying.controller_is_told(settings))
    one = identity_here(settings, name)[1]
    if one.waits:
        echo(f"Waiting for {one.waits}. Then `evenkeel provision` goes on, or the controller at work.")
        return carrying.TURN
    is_second = isinstance(action, Follow)
    if not is_second:
        lines = list(rotation_lines(one, former, is_second=False))
        for line in lines:
            echo_lines(line)
        if one.wanted.azure is not None and len(lines) > 1 and not carrying.agrees_that_entered(yes=yes):
            return carrying.TURN

    def is_over(found: Identity) -> bool:
        is_other = former is None or found.there.pairs.current != former.sha256
        has_second = not is_second or (found.second is not None and found.there.pairs.second != was_second)
        return carrying.is_settled(found) and found.next is None and is_other and has_second

    code = carrying.connect(settings, name, is_over, yes=yes, limit_s=limit_s)
    if code == 0 and is_second:
        for line in rotation_lines(identity_here(settings, name)[1], former, is_second=True):
            echo_lines(line)
    return code
