"""Differences → steps in stages.

A change has these steps: read the source into the store; write the new file beside the old one; rename it into place;
read it again. A crash between any two of these leaves a state from which `diff` finds the way, forward or, with
last-good as the desired state, back.

INV-08  a file that evenkeel did not place is overwritten only after it was kept
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from posixpath import basename

from evenkeel.reconcilers.files.diff import folders_above, with_former_places
from evenkeel.reconcilers.files.select import FilesWanted
from evenkeel.reconcilers.files.telling import without_content
from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.files.actions import Adjust, Discard, Drop, Fetch, Keep, Remove, Switch, Verify, Write
from evenkeel.specs.files.difference import STORED, FileDifference
from evenkeel.specs.files.file import File, temporary_name
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step
from evenkeel.specs.renewing import Renew
from evenkeel.specs.unit import Unit

_DOMAIN = FilesMemory.domain


def plan(differences: Sequence[FileDifference], memory: FilesMemory, former: Former[FilesWanted]) -> Plan:
    """All steps from the observed to the wanted files. Only the first stage is ever applied; then the files are looked
    at again."""
    secret = {file.path for want in former if want is not None for file, _ in want.documents if file.secret}
    shown = [
        without_content(each) if each.file is not None and each.file.path in secret else each for each in differences
    ]
    placed = {each.subject: _but_in_places_of_good_files(each, former) for each in shown}
    held = with_former_places(placed, memory).values()
    judged = tuple(judgement for each in held if (judgement := _but_needed(each, former)) is not None)
    steps = [step for each in judged if each.verb not in NOTHING_DONE for step in _steps(each)]
    return Plan(_DOMAIN, judged, stages([*steps, *_renewing(judged, steps)]))


def _renewing(judged: Sequence[FileDifference], steps: Sequence[Step]) -> Iterator[Step]:
    """A step for each unit that has to hear of a change, after the last change that it has to hear of: a unit that reads two
    files begins anew once."""
    needs, units, subjects = dict[str, list[str]](), dict[str, tuple[Unit, bool]](), dict[str, str]()
    for subject, unit, is_asked, need in _heard(judged, steps):
        before, was_asked = units.get(unit.name, (unit, False))
        units[unit.name] = Unit(unit.name, unit.reload and before.reload), is_asked or was_asked
        needs.setdefault(unit.name, []).extend(need)
        subjects[unit.name] = subject
    for name, (unit, is_asked) in sorted(units.items()):
        yield Step(f"renew:{name}", subjects[name], Phase.VERIFY, Renew(unit, is_asked), tuple(needs[name]))


def _heard(
    judged: Sequence[FileDifference], steps: Sequence[Step]
) -> Iterator[tuple[str, Unit, bool, tuple[str, ...]]]:
    """The subject, the unit, whether a wanted file names it, and the steps before it."""
    for difference in judged:
        if difference.verb not in NOTHING_DONE:
            yield from ((difference.subject, unit, is_asked, ()) for unit, is_asked in difference.renews)
    for step in steps:
        match step.action:
            case Verify(units=asked, told_units=told) if step.phase == Phase.VERIFY:
                yield from ((step.subject, unit, True, (step.id,)) for unit in asked)
                names = {unit.name for unit in asked}
                yield from ((step.subject, unit, False, (step.id,)) for unit in told if unit.name not in names)
            case Remove(told_units=told):
                yield from ((step.subject, unit, False, (step.id,)) for unit in told)
            case _:
                pass


def _but_needed(difference: FileDifference, former: Former[FilesWanted]) -> FileDifference | None:
    """A difference without the removal of contents that a way back or forth needs."""
    if difference.subject != STORED:
        return difference
    needed = frozenset[str]().union(*(want.pinned for want in former if want is not None))
    contents = tuple(name for name in difference.contents if name not in needed)
    return changed(difference, contents=contents) if contents else None


def _but_in_places_of_good_files(difference: FileDifference, former: Former[FilesWanted]) -> FileDifference:
    """A difference, blocked where a folder would take the place that a file has in last-good, or a file that of a
    folder: no way back could change that again. The file, or the folder, may be gone already."""
    if difference.verb != "create" or difference.file is None or former.good is None:
        return difference
    path, owners = difference.file.path, {file.path: file.name for file, _ in former.good.documents}
    around = next((folder for folder in folders_above(path) if folder in owners), None)
    below = next((owners[each] for each in sorted(owners) if path in folders_above(each)), None)
    if around is None and below is None:
        return difference
    taken = (
        f"{around} is the place of {owners[around]}"
        if around is not None
        else f"{path} is a folder on the way to {below}"
    )
    why = f"{taken} in last-good; ask for {difference.subject} once a revision without it is good"
    return FileDifference(difference.subject, "blocked", why, file=difference.file, asked=difference.asked)


def _steps(difference: FileDifference) -> Iterator[Step]:
    subject, file = difference.subject, difference.file
    needs: tuple[str, ...] = ()
    if file is not None:
        for step in _changing(difference, file):
            yield step
            needs = (step.id,)
    for path in difference.removes:
        yield Step(
            f"remove:{path}", subject, Phase.ACTIVATE, Remove(path, difference.told, difference.told_units), needs
        )
    discarded: dict[str, tuple[str, ...]] = dict.fromkeys(difference.forgets, ()) | dict(difference.temporaries)
    for path, names in discarded.items():
        is_gone = path in difference.forgets
        told, units = (difference.told, difference.told_units) if is_gone else ((), ())
        discard = Discard(path, names, is_gone, told, units)
        yield Step(f"discard:{path}", subject, Phase.CLEANUP, discard)
    if difference.contents:
        yield Step("drop", subject, Phase.CLEANUP, Drop(difference.contents))


def _changing(difference: FileDifference, file: File) -> Iterator[Step]:
    """The steps of one path, each in order after the one before it."""
    subject, path, form = difference.subject, file.path, difference.form
    temporary = temporary_name(basename(path), form)
    needs: tuple[str, ...] = ()
    if difference.fetch:
        yield Step(f"fetch:{subject}", subject, Phase.DOWNLOAD, Fetch(file.source, form.digest))
    if difference.keep and difference.before is not None:
        yield Step(f"keep:{subject}", subject, Phase.UPDATE, Keep(path, difference.before))
    if difference.write:
        yield Step(f"write:{subject}", subject, Phase.UPDATE, Write(path, temporary, form, file.content))
    if difference.switch:
        switch = Switch(path, temporary, form, difference.before, not difference.is_foreign)
        if difference.before is None:  # nothing is disturbed, and an engine wants a mount's source when it creates
            written = (f"write:{subject}",) if difference.write else ()
            yield Step(f"switch:{subject}", subject, Phase.UPDATE, switch, written)
        else:
            yield Step(f"switch:{subject}", subject, Phase.ACTIVATE, switch)
        needs = (f"switch:{subject}",)
    if difference.adjust:
        yield Step(f"adjust:{subject}", subject, Phase.ACTIVATE, Adjust(path, form))
        needs = (f"adjust:{subject}",)
    if difference.verify:
        verify = Verify(
            path,
            form,
            file.notify,
            difference.told,
            difference.restores,
            file.secret,
            file.units,
            difference.told_units,
        )
        yield Step(f"verify:{subject}", subject, Phase.VERIFY, verify, needs)
