"""`evenkeel validate`: all problems of all files at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.specs.problem import Problem


@click.command("validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@shared_options("config", "specs")
def command(options: Options, paths: tuple[str, ...], output: str) -> int:
    """Check spec files and say everything that is wrong.

    PATH is a file or a folder; without PATH, the specs that the controller would read are checked, with
    Kanto's files among them (`registries.kanto`). In a folder *.yaml, *.yml and *.json are read, but not its sub-folders.
    Without PATH, warnings about the settings are printed, too. Each problem stands on a line of its own: file, line, column,
    the expectation and the nearest valid choice. With -o json they are data: under `problems` each has severity (error or
    warning), file, line, column, path, message and hint, null where there is none, and standsFor: in a file with very many
    problems the last entry stands for those that are not listed.

    Exit code: 0 when the specs are valid (there may be warnings), 1 otherwise, also when there is not a single document.
    """
    from evenkeel.controller.wiring import no_document, read_files, read_source
    from evenkeel.specs.problem import Place, Problem, count_text, errors, problem_text

    notes: list[Problem] = []
    settings = None if paths else options.settings(notes=notes)
    places = paths or (settings.specs if settings is not None else ())
    reading = read_files(paths) if settings is None else read_source(settings, readonly=True)
    missing = set(reading.missing) - {problem.place.file for problem in reading.problems}
    problems = [*notes, *reading.problems, *(Problem(Place(path), "", "does not exist") for path in sorted(missing))]
    nothing = not reading.desired.documents and not errors(reading.problems)
    if (
        nothing
        and not (missing or reading.nothing)
        and not (settings is not None and settings.empty_source_removes_all)
    ):
        problems.append(Problem(Place(", ".join(places)), "", no_document(places)))
    wrong = bool(errors(problems))
    kinds: dict[str, int] = {}
    for document in reading.desired.documents:
        kinds[document.kind] = kinds.get(document.kind, 0) + 1
    if output != "text":
        from evenkeel.controller.cli.output import echo_value

        echo_value(_value(kinds, problems, valid=not wrong), output)
        return 1 if wrong else 0
    for problem in problems:
        echo(problem_text(problem))
    if wrong:
        echo(count_text(problems), err=True)
        return 1
    count = len(reading.desired.documents)
    listed = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "nothing is asked for"
    echo(f"valid: {count} document{'s' * (count != 1)} ({listed})")
    return 0


def _value(kinds: dict[str, int], problems: Sequence[Problem], *, valid: bool) -> dict[str, Any]:
    """The same as plain values; keys are only ever added. `standsFor` is more than 1 where problems are not listed."""
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Validation",
        "valid": valid,
        "documents": kinds,
        "problems": [
            {
                "severity": problem.severity,
                "file": problem.place.file or None,
                "line": problem.place.line or None,
                "column": problem.place.column or None,
                "path": problem.path or None,
                "message": problem.message,
                "hint": problem.hint or None,
                "standsFor": problem.stands_for,
            }
            for problem in problems
        ],
    }
