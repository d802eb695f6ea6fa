"""Files, as `get` and `describe` tell of them (`port.Subjects`): those that are asked for, and those that evenkeel has
placed.

No content is told. A digest is told only where the document in force asks for the file, no revision that is known calls
it secret, and the file that evenkeel has placed was no secret then: a short content can be guessed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.subjects.port import Description, Listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.controller.cli.subjects.facts import LookedUp
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.files.select import FilesWanted
    from evenkeel.specs.files.file import File
    from evenkeel.specs.files.memory import FilesMemory
    from evenkeel.specs.files.observed import FileSeen, FilesSeen
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.files_described import AtPath, Whose
    from evenkeel.templates.style import Role

    Files = Domain[FilesWanted, FilesSeen, FilesMemory]
    FilesLookedUp = LookedUp[FilesWanted, FilesSeen, FilesMemory]

_DOMAIN = "files"


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """The files by name; one of a name may be at a former path still."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.specs.codec import changed
    from evenkeel.templates.files_described import place_value

    domain: Files
    async with open_domain(settings, _DOMAIN) as domain:
        decisions, state = domain.reconciler, journal.readable_revision(role_in_force(journal))
        want = decisions.select(state) if state is not None else None
        memory = journal.memories.of(decisions.memory)
        seen = await domain.driver.observe(changed(decisions.look(want, memory), here_only=True))
    all_asked = _all_asked(journal)
    found = sorted(
        (_at_path(each, want, memory, all_asked) for each in seen.files),
        key=lambda each: (each.seen.subject, each.seen.path),
    )
    columns = ["NAME", "WHAT", "BY", "ASKED", "OWNER", "MODE", "SIZE", "PATH"]
    if wide:
        columns[7:7] = ["PROVEN", "CONTENT"]
    items = tuple({"name": each.seen.subject, "asked": each.seen.is_wanted, **place_value(each)} for each in found)
    rows = tuple(_row(each, wide=wide) for each in found)
    return Listing("Files", seen.engine, tuple(columns), rows, items, _colour)


async def description(settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
    """One file, with what is at its path and at former ones. No value of a file is ever shown."""
    from evenkeel.controller.cli.subjects.facts import looked_up, unknown_subject
    from evenkeel.reconcilers.files.settings import asked_texts, otherwise
    from evenkeel.reconcilers.files.telling import without_content
    from evenkeel.specs.files.difference import of_files
    from evenkeel.specs.files.observed import FilesSeen
    from evenkeel.templates.describe_text import Described
    from evenkeel.templates.files_described import FileOwn

    found: FilesLookedUp = await looked_up(settings, journal, _DOMAIN, name, FilesSeen(""))
    facts, (want, memory, seen, away), wanted, decisions = found
    file, wish = want.subjects.get(name), wanted.subjects.get(name)
    all_asked = _all_asked(journal)
    places = tuple(_at_path(each, want, memory, all_asked) for each in seen.files if each.subject == name)
    if not (file is not None or wish is not None or places or facts.happened):
        raise away or unknown_subject(journal, _DOMAIN, name, {*want.subjects, *(each.subject for each in seen.files)})
    shown, document = file if file is not None else wish, facts.document or facts.wish
    differences = decisions.diff(want, seen, memory) if away is None else ()
    if any(each.secret for each in all_asked if each.name == name or each.path in {at.seen.path for at in places}):
        differences = tuple(without_content(each) for each in of_files(differences))
    return Description(
        Described(
            "file",
            name,
            _whose(places, is_asked=file is not None, is_away=away is not None),
            FileOwn(
                places,
                shown.notify if shown is not None else (),
                units=tuple((each.name, each.verb) for each in shown.units) if shown is not None else (),
            ),
            document.place if document is not None else None,
            asked_texts(shown) if shown is not None else (),
            facts.roles,
            facts.group,
            difference=next((each for each in differences if each.subject == name), None),
            failure=facts.failure,
            given_up=facts.given_up,
            blocked=facts.blocked,
            not_done=otherwise(file, wish) if facts.in_force == "last-good" else (),
            in_force=facts.in_force,
            entries=facts.entries,
            away=str(away) if away is not None else "",
            steps=facts.steps,
        ),
        away,
    )


def _all_asked(journal: Journal) -> tuple[File, ...]:
    """The files of all revisions that are known."""
    from evenkeel.controller.cli.names import revisions
    from evenkeel.reconcilers.files.select import select

    return tuple(file for state in revisions(journal) for file, _ in select(state).documents)


def _at_path(there: FileSeen, want: FilesWanted | None, memory: FilesMemory, all_asked: Collection[File]) -> AtPath:
    from evenkeel.reconcilers.files.ownership import is_open, is_own, is_proven
    from evenkeel.templates.files_described import AtPath

    in_force = {file.path for file, _ in want.documents} if want is not None else set()
    secret = any(each.secret for each in all_asked if there.path == each.path or there.subject == each.name)
    own = is_own(there, memory)
    by: Whose = "evenkeel" if own else "others"
    if there.kind in ("absent", "unknown"):
        by = "nobody" if there.kind == "absent" else "unknown"
    return AtPath(
        there,
        by,
        own and is_proven(there, memory),
        secret or there.path not in in_force or (own and not is_open(there, memory)),
        memory.originals.get(there.path),
    )


def _whose(places: Collection[AtPath], *, is_asked: bool, is_away: bool) -> Whose:
    """By what is there: that a file is asked for does not make one of others evenkeel's. Of several paths the one that
    is asked for counts."""
    found = sorted((each for each in places if each.by != "nobody"), key=lambda each: not each.seen.is_wanted)
    if found:
        return found[0].by
    return "evenkeel" if is_asked else "unknown" if is_away else "nobody"


def _row(at: AtPath, *, wide: bool) -> list[str]:
    seen = at.seen
    asked = "yes" if seen.is_wanted else "no"
    size = f"{at.size:,}" if at.size is not None else ""
    row = [seen.subject, at.what, "" if at.by == "nobody" else at.by, asked, at.owner, at.mode, size]
    more = ["yes" if at.proven else "no", at.content] if wide else []
    return [*row, *more, seen.path]


def _colour(column: str, cell: str) -> Role | None:
    if column == "WHAT":
        return {"file": "good", "absent": "bad", "unknown": "bad"}.get(cell, "change")  # type: ignore[return-value]
    return None
