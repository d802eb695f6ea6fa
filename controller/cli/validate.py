"""`evenkeel validate`: all problems of all files at once."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import Options, shared_options


@click.command("validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@shared_options("config", "specs")
def command(options: Options, paths: tuple[str, ...]) -> int:
    """Check spec files and say everything that is wrong.

    PATH is a file or a folder; without one, the specs that the controller would read. Of a folder *.yaml, *.yml and *.json
    are read, and not its sub-folders. Each problem stands on a line of its own: file, line, column, what was expected and
    the nearest thing that is valid.

    Exit code: 0 when the specs are valid (there may be warnings), 1 otherwise, also when there is not a single document.
    """
    from evenkeel.controller.wiring import no_document, read_files
    from evenkeel.specs.problem import errors, problem_text

    settings = None if paths else options.settings()
    places = paths or (settings.specs if settings is not None else ())
    reading = read_files(places)
    for problem in reading.problems:
        click.echo(problem_text(problem))
    missing = set(reading.missing) - {problem.place.file for problem in reading.problems}
    for path in sorted(missing):
        click.echo(f"{path}: does not exist")
    wrong = len(errors(reading.problems)) + len(missing)
    if reading.is_empty and not missing and not (settings is not None and settings.empty_source_removes_all):
        click.echo(f"{', '.join(places)}: {no_document(places)}")
        wrong += 1
    if wrong:
        click.echo(f"{wrong} problem{'s' * (wrong != 1)}", err=True)
        return 1
    kinds: dict[str, int] = {}
    for document in reading.desired.documents:
        kinds[document.kind] = kinds.get(document.kind, 0) + 1
    count = len(reading.desired.documents)
    listed = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "nothing is asked for"
    click.echo(f"valid: {count} document{'s' * (count != 1)} ({listed})")
    return 0
