"""What several files ask for, as one desired state: names that are asked for twice, dependencies that lead nowhere or round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evenkeel.specs.container import Container
from evenkeel.specs.desired import Decoded, DesiredState, Document, asked_at, desired_state
from evenkeel.specs.problem import Place, Problem, nearest


def desired_from(files: Sequence[Decoded], *, complete: bool = True) -> tuple[DesiredState, tuple[Problem, ...]]:
    """One state from several files, and the problems of all of them and of their combination.

    Not `complete`: there are files that could not be read.
    """
    problems = [problem for decoded in files for problem in decoded.problems]
    first: dict[tuple[str, str], Document] = {}
    for decoded in files:
        for document in decoded.documents:
            key = (document.kind, document.name)
            if key in first:
                earlier = first[key].place
                problems.append(
                    Problem(
                        document.place,
                        "",
                        f"{document.kind} `{document.name}` is asked for twice",
                        f"first at {earlier.file}:{earlier.line}:{earlier.column}",
                    )
                )
            first.setdefault(key, document)
    if complete and not any(decoded.nameless for decoded in files):
        broken = {name for decoded in files for name in decoded.broken}  # what cannot be read is not missing
        problems.extend(_unknown_dependencies(first, broken))
    return desired_state(tuple(first.values())), tuple(problems)


def _unknown_dependencies(documents: dict[tuple[str, str], Document], broken: set[str]) -> Iterable[Problem]:
    names = {name for kind, name in documents if kind == "Container"} | broken
    for document in documents.values():
        if not isinstance(document.wanted, Container):
            continue
        for name in document.wanted.depends_on:
            if name not in names:
                place = asked_at(document, "dependsOn")
                hint = nearest(name, names - {document.name}) or "ask for it, or leave it out"
                yield Problem(place, "spec.dependsOn", f"no container `{name}` is asked for", hint)
    yield from _cycles({d.name: d for d in documents.values() if isinstance(d.wanted, Container)})


def _cycles(documents: dict[str, Document]) -> Iterable[Problem]:
    from graphlib import CycleError, TopologicalSorter

    graph = {
        name: document.wanted.depends_on
        for name, document in documents.items()
        if isinstance(document.wanted, Container)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        named = [name for name in cycle if name in documents]
        place = asked_at(documents[named[0]], "dependsOn") if named else Place()
        yield Problem(place, "spec.dependsOn", f"depends on itself: {' → '.join(cycle)}", "remove one of these")
