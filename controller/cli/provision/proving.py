"""`evenkeel provision --prove`: ask the cloud again about what is in force. A settled device asks nobody by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.output import echo
from evenkeel.specs.errors import EvenkeelError

if TYPE_CHECKING:
    from evenkeel.specs.settings.settings import Settings


def prove_again(settings: Settings, name: str, *, yes: bool, limit_s: float) -> int:
    """Register again where a service assigns the hub, and connect to it; the exit code. Another assignment is followed."""
    from evenkeel.controller.cli.consent import consents
    from evenkeel.controller.cli.identity import good_otherwise, identity_in_force
    from evenkeel.controller.cli.provision import carrying
    from evenkeel.reconcilers.provisioning.rotation import proofs

    carrying.check_files_in_force(settings)
    one = identity_in_force(settings, name)[1]
    if not one.is_asked:
        raise EvenkeelError("identity:", "no document asks for one; `evenkeel provision` makes one")
    if not (one.in_force and one.proven):
        why = one.blocked or "it is not in force and proven yet; `evenkeel provision` leads there"
        raise EvenkeelError(f"identity:{one.name}", why)
    try:
        actions = proofs(one.there)
    except ValueError as error:
        raise EvenkeelError(f"identity:{one.name}", str(error)) from None
    echo(
        f"{one.name}: {', then '.join(each.traits.text for each in actions)}; a connector at work is cut off for a moment."
    )
    if not yes and not consents():
        return 1
    other = good_otherwise(settings, one.name) if one.otherwise else None
    state = other.state if other is not None else None
    for action in actions:
        is_alone = not carrying.controller_is_told(settings)
        carrying.perform(settings, one.name, [action], alone=is_alone, limit_s=limit_s)
        if carrying.look(settings, one.name, state).difference is None:
            continue
        if state is None:
            echo("The assignment is another one, and is followed.")
            return carrying.lead(settings, one.name, yes=yes, limit_s=limit_s)
        echo("The assignment is another one; the controller at work, or `evenkeel apply`, follows it.", err=True)
        return 1
    echo("What is in force is let in.")
    return 0
