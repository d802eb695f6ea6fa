"""The bytes of a file → documents. Everything that people write is read here.

Accepted are evenkeel documents, Kanto desired-state documents and Kanto container manifests, many to a file. The result
has the documents that could be read, and every problem that was found. Nothing here raises for content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from evenkeel.specs.desired import Decoded, Document, Draft
from evenkeel.specs.documents import written
from evenkeel.specs.documents.kinds import KINDS, kind_of, reserved_labels
from evenkeel.specs.problem import MOST_PROBLEMS, Flaw, Path, Place, Problem, Problems, Severity, nearest, path_text
from evenkeel.specs.reading.secrecy import key_words, shown_address, shown_path
from evenkeel.specs.reading.text import read_trees
from evenkeel.specs.reading.tree import Tree, Value, nearest_position
from evenkeel.specs.reading.walk import Sound, beyond, faults, in_words, sound_part

Noun = TypeVar("Noun")

_MISSING = {
    "apiVersion": f"write `apiVersion: {written.API_VERSION}`",
    "kind": nearest("", KINDS),
    "metadata": "write `metadata:` and, below it, `name:`",
    "spec": "write `spec:` and, below it, what is asked for",
}
"""The keys of a document, and what to do when one is missing."""


def decode_file(content: bytes, file: str) -> Decoded:
    """All documents and all problems of one file. `file` is only used to name places."""
    from evenkeel.specs.documents import compose

    if line := compose.quadlet_line(content):
        return Decoded(problems=(compose.quadlet_problem(file, line),), nameless=True)
    trees, unreadable = read_trees(content, file)
    problems = Problems()
    problems.extend(unreadable)
    documents: list[Document] = []
    broken: list[Document] = []
    unread: list[str] = []
    nothing: list[Place] = []
    nameless = problems.errors > 0
    for tree in trees:
        before = problems.errors
        found = _decode_tree(tree, file, problems)
        if problems.errors > before or tree.doubled:
            name = _name_of(tree.value)
            nameless |= not name
            sound = [each for each in found if each.whole and each.name == name] if name else []
            broken += sound
            unread += [name] if name and not sound else []
            continue
        documents.extend(found)
        if not found:
            nothing.append(Place(file, *tree.start))
    told = tuple(sorted(problems.all()))
    return Decoded(tuple(documents), told, tuple(broken), tuple(unread), nameless, tuple(nothing))


def _name_of(value: Value) -> str:
    """The name of a document, whatever other faults it has; "" when the name is not sure."""
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) and not any(faults({"name": name}, written.MetadataSpec)) else ""


def _decode_tree(tree: Tree, file: str, problems: Problems) -> Sequence[Document]:
    """The documents of a tree. With errors among its problems, the sound parts of the documents."""
    from evenkeel.specs.documents import compose
    from evenkeel.specs.kanto import desired as kanto
    from evenkeel.specs.kanto import manifest
    from evenkeel.specs.kanto.baselines import baseline_drafts

    flaws: list[Flaw] = []
    drafts: Sequence[Draft] = ()
    value = tree.value
    if not isinstance(value, dict):
        flaws.append(Flaw((), "expected a mapping with `apiVersion`, `kind`, `metadata` and `spec`"))
    elif kanto.is_desired_state(value):
        drafts = kanto.desired_state_drafts(value, flaws)
        if all(flaw.warning for flaw in flaws):
            drafts = [*drafts, *baseline_drafts(value, kanto.DOMAIN, drafts)]
    elif manifest.is_manifest(value):
        drafts = manifest.manifest_drafts(value, flaws)
    elif compose.is_kubernetes(value):
        flaws.append(compose.kubernetes_flaw(value))
    elif compose.is_compose(value):
        flaws.append(compose.compose_flaw())
    else:
        drafts = _native(value, flaws)
    for flaw in _beside(tree.doubled, flaws):
        place = Place(file, *nearest_position(tree, flaw.path))
        severity: Severity = "warning" if flaw.warning else "error"
        message = shown_address(flaw.message)  # somebody may have put an address where none belongs
        hint = shown_address(flaw.hint)
        problems.append(Problem(place, path_text(shown_path(flaw.path)), message, hint, severity))
    return [_placed(draft, tree, file) for draft in drafts]


def _beside(doubled: Sequence[Path], flaws: Sequence[Flaw]) -> Iterable[Flaw]:
    """The flaws that do not follow from keys that stand there twice. A document with such a key at its top, and without
    any other known one, was meant as something else: its missing keys say nothing."""
    if not doubled:
        return flaws
    causes = set(doubled)
    left = [flaw for flaw in flaws if not any(flaw.path[:end] in causes for end in range(1, len(flaw.path) + 1))]
    is_foreign = any(len(path) == 1 and path[0] not in _MISSING for path in doubled)
    return [flaw for flaw in left if flaw.path] if is_foreign else left


def _native(value: dict[str, Value], flaws: list[Flaw]) -> Sequence[Draft]:
    unknown = [key for key in value if key not in _MISSING]
    flaws.extend(Flaw((key,), key_words("unknown key", key), nearest(key, _MISSING)) for key in unknown[:MOST_PROBLEMS])
    flaws.extend(Flaw((key,), key_words("unknown key", key)) for key in unknown[MOST_PROBLEMS:])
    flaws.extend(Flaw((), f"the key `{key}` is missing", _MISSING[key]) for key in _MISSING if key not in value)
    if value.get("apiVersion", written.API_VERSION) != written.API_VERSION:
        hint = f"write `apiVersion: {written.API_VERSION}`"
        flaws.append(Flaw(("apiVersion",), f"unknown version, {in_words(value['apiVersion'])}", hint))
    if not all(key in value for key in ("kind", "metadata", "spec")):
        return ()
    name = value["kind"]
    if not isinstance(name, str) or name not in KINDS:
        flaws.append(Flaw(("kind",), f"unknown kind, {in_words(name)}", nearest(str(name)[:40], KINDS)))
        flaws.extend(_below("metadata", faults(value["metadata"], written.MetadataSpec)))
        return ()
    kind = kind_of(name)
    metadata = _convert(value["metadata"], written.MetadataSpec, "metadata", flaws)
    if metadata is not None:
        flaws.extend(_below("metadata", reserved_labels(metadata.noun)))
    spec: Sound[Any] | None = _convert(value["spec"], kind.spec, "spec", flaws)
    if metadata is None or spec is None:
        return ()
    found: list[Flaw] = []
    wanted = kind.finish(metadata.noun, spec.noun, found)
    flaws.extend(_below("spec", beyond(spec, found)))
    return [Draft(kind.name, metadata.noun.name, wanted)]


def _convert(value: Value, expected: type[Noun], key: str, flaws: list[Flaw]) -> Sound[Noun] | None:
    found = list(faults(value, expected))
    flaws.extend(_below(key, found))
    return sound_part(value, expected, found)


def _below(key: str, flaws: Iterable[Flaw]) -> Iterable[Flaw]:
    return [msgspec.structs.replace(flaw, path=(key, *flaw.path)) for flaw in flaws]


def _placed(draft: Draft, tree: Tree, file: str) -> Document:
    """Give a draft its place, and turn the paths of its values into lines."""
    paths = draft.paths or _native_paths(tree)
    lines = {path: nearest_position(tree, where) for path, where in paths.items()}
    place = Place(file, *nearest_position(tree, draft.root))
    return Document(draft.kind, draft.name, draft.wanted, place, lines, whole=not draft.root)


def _native_paths(tree: Tree) -> dict[str, Path]:
    """The paths below `spec`, and those of variables and hosts that were written as a list."""
    paths = {
        path_text(path[1:]): path
        for path in tree.positions
        if len(path) > 1 and path[0] == "spec" and all(isinstance(part, str) for part in path)
    }
    spec = tree.value.get("spec") if isinstance(tree.value, dict) else None
    for key, separator in (("env", "="), ("extraHosts", ":")):
        items = spec.get(key) if isinstance(spec, dict) else None
        for index, item in enumerate(items if isinstance(items, list) else ()):
            paths[f"{key}.{str(item).partition(separator)[0]}"] = ("spec", key, index)
    return paths
