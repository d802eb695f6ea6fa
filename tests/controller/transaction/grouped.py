"""What random files ask for in random groups, what becomes of it by a model of the test's own, and the world that it is held
against.

A version tells how a subject behaves: `1`, `2` and `slow` come up, all others do not. `slow` takes long to be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hypothesis import assume
from hypothesis import strategies as st
from tests.controller.stage import Reading

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.files.memory import Entry
from evenkeel.specs.containers.actions import Create
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.files.file import File
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.plan import Action, Failed, Outcome

from .mixed import Mixed

FILES, CONTAINERS = ("conf", "keys"), ("door", "horn", "lamp", "seat")
GROUPS = ("body", "cabin")
SLOW = "slow"
SLOW_S = 40.0
GOOD = ("1", "2", SLOW)
DIES, REFUSED, MISSING, UNREACHABLE = "dies", "refused", "missing", "unreachable"
BAD = (DIES, REFUSED, MISSING, UNREACHABLE)
REGISTRY = "docker.io/library/"


class Asked(NamedTuple):
    """What files ask for. `of`: the group of a subject, and whether a label makes it a member; `loose`: groups whose members
    are groups of their own."""

    versions: Mapping[str, str]
    of: Mapping[str, tuple[str, bool]] = {}
    loose: frozenset[str] = frozenset()

    def document(self, name: str) -> Document:
        """What asks for a subject."""
        version = self.versions[name]
        if name in FILES:
            return Document("File", name, File(name, path(name), version))
        group, is_labelled = self.of.get(name, ("", False))
        labels = (("group", group),) if is_labelled else ()
        return Document("Container", name, normal(Container(name, f"{name}:{version}", labels=labels)))

    def reading(self) -> Reading:
        """The same as documents."""
        rules = []
        for group in sorted({group for group, _ in self.of.values()}):
            members = tuple(sorted(name for name, each in self.of.items() if each == (group, False)))
            is_labelled = (group, True) in self.of.values()
            rule = Baseline(members, (("group", group),) if is_labelled else (), group not in self.loose)
            rules.append(Document("Baseline", group, rule))
        return Reading(desired_state([*map(self.document, self.versions), *rules]))

    @property
    def wanted(self) -> dict[str, Document]:
        """What asks for each subject."""
        return {name: self.document(name) for name in self.versions}


def path(name: str) -> str:
    """Where a file is."""
    return f"/etc/{name}"


@st.composite
def asked(draw: st.DrawFn, bad: tuple[str, ...] = BAD, least_groups: int = 0) -> Asked:
    """A few subjects, in up to two groups."""
    names = draw(st.sets(st.sampled_from((*FILES, *CONTAINERS)), min_size=2))
    versions = {name: draw(st.sampled_from(GOOD if name in FILES else (*GOOD, *bad))) for name in sorted(names)}
    for name in names.intersection(FILES):
        if bad and draw(st.integers(0, 3)) == 0:
            versions[name] = REFUSED
    groups = draw(st.sampled_from([count for count in (0, 1, 2, 2) if count >= least_groups]))
    choices = [*GROUPS[:groups], ""] if groups else [""]
    of = {}
    for name in sorted(names):
        group = draw(st.sampled_from(choices))
        if group:
            of[name] = group, name in CONTAINERS and draw(st.booleans())
    if least_groups and not of:
        of[min(names)] = GROUPS[0], False
    return Asked(versions, of, frozenset(draw(st.sets(st.sampled_from(GROUPS)))))


class Fall(NamedTuple):
    """A revision that all reach, containers of it that are down when the next one comes, and that one, which changes nothing of
    these."""

    first: Asked
    sick: frozenset[str]
    then: Asked


@st.composite
def falls(draw: st.DrawFn) -> Fall:
    """Containers that are down before a revision."""
    first, other = draw(asked(bad=(), least_groups=1)), draw(asked(least_groups=1))
    containers = sorted(first.versions.keys() & set(CONTAINERS))
    assume(containers)
    sick = draw(st.frozensets(st.sampled_from(containers), min_size=1))
    kept = {name: first.versions[name] for name in sorted(sick)}
    of = {name: first.of[name] for name in kept if name in first.of}
    others = {name: each for name, each in other.of.items() if name not in sick}
    return Fall(first, sick, Asked({**other.versions, **kept}, others | of, other.loose))


class Model:
    """What should be good after each revision that was given the time it needs."""

    def __init__(self) -> None:
        self.good: dict[str, Document] = {}
        self._of: dict[str, str] = {}
        self._loose: dict[str, bool] = {}
        self._labelled: set[str] = set()
        """Groups whose rule names a label."""

    def follow(self, asked: Asked) -> tuple[bool, str]:
        """A revision, and what `Settled` has to say of it."""
        wanted = asked.wanted
        if not asked.of:
            return self._follow_whole(asked, wanted)
        self._loose |= {group: group in asked.loose for group, _ in asked.of.values()}
        of = {name: asked.of.get(name, ("", False))[0] for name in wanted}
        of |= {name: self._of[name] for name in self.good if name not in wanted}
        units = {name: (group, name if group and self._loose[group] else "") for name, group in of.items()}
        bad: dict[tuple[str, str], set[str]] = {}
        for name, version in asked.versions.items():
            if version in BAD and wanted[name] != self.good.get(name):
                bad.setdefault(units[name], set()).add(version)
        here = {name: each for name, each in wanted.items() if units[name] not in bad}
        self.good = here | {name: each for name, each in self.good.items() if units[name] in bad}
        groups = {group for group, _ in asked.of.values()}
        kept = {of[name] for name in self.good if units[name] in bad} - groups
        self._labelled = {group for group, has in asked.of.values() if has} | self._labelled.intersection(kept)
        self._of = {name: self._group(of[name], each) for name, each in self.good.items()}
        if any(UNREACHABLE in each and MISSING not in each for each in bad.values()):
            return False, "Retrying"
        return (False, "RolledBack") if bad else (True, "Converged")

    def _group(self, group: str, document: Document) -> str:
        """The group of what is good: its own label may make it a member of another one than it went back with."""
        labels = dict(document.wanted.labels) if isinstance(document.wanted, Container) else {}
        return min(filter(None, {group, *self._labelled.intersection(labels.values())}), default="")

    def _follow_whole(self, asked: Asked, wanted: dict[str, Document]) -> tuple[bool, str]:
        bad = set(asked.versions.values()).intersection(BAD)
        if not bad:
            self.good, self._of, self._labelled = wanted, dict.fromkeys(wanted, ""), set()
            return True, "Converged"
        assume(self.good)  # else there is nothing to go back to, and what has come up stays
        return (False, "Retrying") if UNREACHABLE in bad and MISSING not in bad else (False, "RolledBack")


class Grouped(Mixed):
    """The device."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.done: list[tuple[str, str]] = self.power.done
        for name in CONTAINERS:
            self.engine.ill.add(f"{name}:{DIES}")
            size = int(SLOW_S * self.engine.script.pull_rate)
            self.engine.catalogue[f"{REGISTRY}{name}:{SLOW}"] = Image(size=size)
            self.engine.catalogue[f"{REGISTRY}{name}:{MISSING}"] = Image(pull="missing")
            self.engine.catalogue[f"{REGISTRY}{name}:{UNREACHABLE}"] = Image(pull="unreachable")
        self.engine.script.failures.append(_refused)
        self.files.refuses = REFUSED

    def fall(self, name: str, version: str) -> None:
        """A container ends, and does not come up any more."""
        self.engine.ill.add(f"{name}:{version}")
        self.engine.catalogue[f"{REGISTRY}{name}:{version}"] = Image(exits_with=1)
        self.engine.kill(name)

    def good(self) -> dict[str, Document]:
        """What asks for each subject in what was good last."""
        found = self.journal.revision("last-good")
        return subjects(found) if found is not None else {}

    def standing(self) -> dict[str, str]:
        """The version of each subject that is there."""
        running = dict(each.split(":") for each in self.running())
        entries = self.disk.world.entries
        return running | {name: _text(entries[path(name)]) for name in FILES if path(name) in entries}


def subjects(state: DesiredState) -> dict[str, Document]:
    """The documents of a state that ask for something, without their places."""
    return {name: Document(each.kind, name, each.wanted) for (_, name), each in state.subjects().items()}


def versions(wanted: Mapping[str, Document]) -> dict[str, str]:
    """The version of each subject that is asked for."""
    return {name: _version(each) for name, each in wanted.items()}


def _version(document: Document) -> str:
    wanted = document.wanted
    if isinstance(wanted, Container):
        return wanted.image.rpartition(":")[2]
    assert isinstance(wanted, File)
    return wanted.content or ""


def _text(entry: Entry) -> str:
    return entry.content.decode()


def _refused(action: Action) -> Outcome | None:
    is_refused = isinstance(action, Create) and action.container.image.endswith(f":{REFUSED}")
    return Failed("is scripted to be refused") if is_refused else None
