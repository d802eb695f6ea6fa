"""The documents of several files as one desired state, and the conflicts in it: names that are asked for twice, or both
asked for and protected, references to nothing, and needs in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evenkeel.specs.containers.container import Container, runs_once
from evenkeel.specs.containers.host_ports import taken_twice
from evenkeel.specs.desired import (
    Decoded,
    DesiredState,
    Document,
    Supplying,
    SystemContainers,
    asked_at,
    desired_state,
)
from evenkeel.specs.documents.claims import claimed_twice
from evenkeel.specs.documents.kinds import KINDS
from evenkeel.specs.documents.needs import needs_in_a_circle
from evenkeel.specs.documents.reference import Reference
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.problem import MOST_IN_ALL, Problem, Problems, Severity, nearest, place_text

Documents = Mapping[tuple[str, str], Document]
"""Documents by kind and name, with the sound parts of broken ones."""


def desired_from(files: Sequence[Decoded], *, complete: bool = True) -> tuple[DesiredState, tuple[Problem, ...]]:
    """One state from several files, and the problems of all of them and of their combination.

    Not `complete`: there are files that could not be read.
    """
    problems = Problems(MOST_IN_ALL)
    for decoded in files:
        problems.extend(decoded.problems)
    first: dict[tuple[str, str], Document] = {}
    for decoded in files:
        for document in sorted((*decoded.documents, *decoded.broken), key=lambda each: each.place):
            key = (document.kind, document.name)
            if key in first:
                message = f"{document.kind} `{document.name}` is asked for twice"
                problems.append(Problem(document.place, "", message, f"first at {place_text(first[key].place)}"))
            first.setdefault(key, document)
    problems.extend(_asked_and_protected(first))
    problems.extend(_ports_taken_twice(first))
    problems.extend(_claimed_twice(first))
    problems.extend(_grouped_twice(first))
    if complete and not any(decoded.nameless for decoded in files):
        unread = {name for decoded in files for name in decoded.unread}  # a document that cannot be read is not missing
        problems.extend(_references(first, unread))
        problems.extend(_unknown_members(first, unread))
    sound: dict[tuple[str, str], Document] = {}
    for document in (each for decoded in files for each in decoded.documents):
        sound.setdefault((document.kind, document.name), document)
    return desired_state(tuple(sound.values())), problems.all()


def _asked_and_protected(documents: Documents) -> Iterable[Problem]:
    """Containers that nothing would create, because they are declared system containers. A Kanto desired state may name
    its system containers among its components; Kanto leaves them alone."""
    for system in documents.values():
        for name in _protected_by(system):
            asked = documents.get(("Container", name))
            if asked is None or not (asked.whole or system.whole):
                continue
            message = f"`{name}` is asked for as a container and declared a system container, which is never touched"
            names = asked_at(system, "names")
            yield Problem(asked.place, "", message, f"remove it here, or its name at {place_text(names)}")
            yield Problem(names, "spec.names", message, f"remove its name here, or it at {place_text(asked.place)}")


def _ports_taken_twice(documents: Documents) -> Iterable[Problem]:
    """Ports that two containers ask for, as a problem at both places. Components of one desired state were compared
    when it was read."""
    protected = {name for document in documents.values() for name in _protected_by(document)}
    claims = [
        (document, port)
        for document in documents.values()
        if isinstance(document.wanted, Container) and document.name not in protected
        for port in document.wanted.ports
    ]
    for one, other, port in taken_twice(claims):
        if one is other or (one.place.file == other.place.file and not (one.whole or other.whole)):
            continue
        for here, there in ((other, one), (one, other)):
            message = f"host port {port.host_port}/{port.protocol} is taken by `{there.name}`, too"
            hint = f"give one of them another; the other one is at {place_text(asked_at(there, 'ports'))}"
            yield Problem(asked_at(here, "ports"), "spec.ports" if here.whole else "", message, hint)


def _protected_by(document: Document) -> tuple[str, ...]:
    return document.wanted.names if isinstance(document.wanted, SystemContainers) else ()


def _claimed_twice(documents: Documents) -> Iterable[Problem]:
    """Claims that two documents of a kind make, and paths of one inside that of another, as a problem at both places."""
    for clash in claimed_twice(documents.values()):
        claim, is_same = clash.claim, clash.claim == clash.around
        inside = f"the {claim.path} {claim.value} lies inside that of `{clash.other.name}`, which is no folder"
        around = f"the {claim.path} of `{clash.one.name}` lies inside this one, which is no folder"
        for here, there, message in ((clash.other, clash.one, around), (clash.one, clash.other, inside)):
            message = f"{clash.text} is that of `{there.name}`, too" if is_same else message
            what = "give one of them another" if claim.path else "keep one of them"
            hint = f"{what}; the other one is at {place_text(asked_at(there, claim.path))}"
            path = f"spec.{claim.path}" if claim.path and here.whole else ""
            yield Problem(asked_at(here, claim.path), path, message, hint)


def _baselines(documents: Documents) -> Iterable[tuple[Document, Baseline]]:
    return [(each, each.wanted) for each in documents.values() if isinstance(each.wanted, Baseline)]


def _grouped_twice(documents: Documents) -> Iterable[Problem]:
    """Subjects that belong to two groups, as a problem at both places."""
    for subject in (each for each in documents.values() if not each.is_rule):
        having = [each for each, group in _baselines(documents) if group.has(subject.name, subject.wanted)]
        for here, there in ((having[1], having[0]), (having[0], having[1])) if len(having) > 1 else ():
            message = f"`{subject.name}` is in the group `{there.name}`, too"
            path, other = (_membership(each, subject.name) for each in (here, there))
            hint = f"leave it out of one of them; the other one is at {place_text(asked_at(there, other))}"
            yield Problem(asked_at(here, path), f"spec.{path}", message, hint)


def _membership(rule: Document, name: str) -> str:
    """The key by which a subject is a member."""
    is_named = isinstance(rule.wanted, Baseline) and name in rule.wanted.members
    return "members" if is_named else "memberLabels"


def _unknown_members(documents: Documents, unread: set[str]) -> Iterable[Problem]:
    """Members that nobody asks for. A warning: a message may ask for them."""
    known = unread.union(each.name for each in documents.values() if not each.is_rule)
    for document, group in _baselines(documents):
        for name in group.members:
            if name not in known:
                hint = nearest(name, known) or "ask for it, or leave it out"
                message = f"nothing asks for `{name}`"
                yield Problem(asked_at(document, "members"), "spec.members", message, hint, "warning")


def _references(documents: Documents, unread: set[str]) -> Iterable[Problem]:
    """References to what nobody asks for or provides, and needs in a circle. `unread`: names of documents that cannot be
    read."""
    asked: dict[str, set[str]] = {}
    for document in documents.values():
        if not document.is_rule:
            asked.setdefault(document.wanted.domain, set()).add(document.name)
    containers = asked.get(Container.domain, set())
    protected = {name for document in documents.values() for name in _protected_by(document)} - containers - unread
    for document in documents.values():
        for reference in KINDS[document.kind].refers(document.wanted):
            system = protected if reference.domain == Container.domain else set[str]()
            yield from _missing(document, reference, asked.get(reference.domain, set()), system, unread)
            yield from _endless(document, reference, documents, protected)
            yield from _valueless(document, reference, documents)
    for circle in needs_in_a_circle(documents.values()):
        text = " → ".join(each.name for each in (*circle, circle[0]))
        place = asked_at(circle[0], "dependsOn")
        yield Problem(place, "spec.dependsOn", f"depends on itself: {text}", "remove one of these")


def _endless(document: Document, reference: Reference, documents: Documents, protected: set[str]) -> Iterable[Problem]:
    """Names whose end is waited for, although they are to stay up."""
    place, path = asked_at(document, reference.path), f"spec.{reference.path}"
    for name in reference.ends:
        other = documents.get(("Container", name))
        if name in protected:
            message = f"`{name}` is a system container, of which evenkeel knows only whether it runs"
            yield Problem(place, path, message, "write its name alone, without `condition: completed`")
        elif other is not None and isinstance(other.wanted, Container) and not runs_once(other.wanted):
            message = f"`{name}` does not run once, so that it is never completed"
            hint = f"write `condition: healthy`, or `runOnce: true` at {place_text(other.place)}"
            yield Problem(place, path, message, hint)


def _valueless(document: Document, reference: Reference, documents: Documents) -> Iterable[Problem]:
    """Values that are asked of a document, and that it never has."""
    if not reference.value:
        return
    for other in documents.values():
        wanted = other.wanted
        if other.name not in reference.names or wanted.domain != reference.domain or not isinstance(wanted, Supplying):
            continue
        if lacking := wanted.lacks(reference.value):
            message = f"`{other.name}` never has a `{reference.value}`, because it has no `{lacking}`"
            hint = f"take another value, or add `{lacking}` at {place_text(other.place)}"
            yield Problem(asked_at(document, reference.at), f"spec.{reference.at}", message, hint)


def _missing(
    document: Document, reference: Reference, asked: set[str], protected: set[str], unread: set[str]
) -> Iterable[Problem]:
    """Of names that a document refers to those that lead nowhere. Where nothing needs them it is a warning: a message may ask
    for it. An `unread` name may be that of a container, and is not suggested, because it may be that of a file."""
    place, path = asked_at(document, reference.path), f"spec.{reference.path}"
    severity: Severity = "error" if reference.is_need else "warning"
    known = asked | protected if reference.is_need else asked
    own = {document.name} if document.wanted.domain == reference.domain else set()
    noun = "container" if reference.domain == Container.domain else reference.domain
    for name in reference.names:
        if name in known or name in unread:
            continue
        if name in protected:
            message = f"`{name}` is a system container, which is never restarted"
            yield Problem(place, path, message, "leave it out", severity)
        else:
            hint = nearest(name, known - own) or "ask for it, or leave it out"
            yield Problem(place, path, f"no {noun} `{name}` is asked for", hint, severity)
