"""Documents in the text of a spec file: added, changed and removed, with all else as it was written.

Each document is a piece of the text by itself. Documents that are not touched stay byte for byte; of one that changes, comments
and the order of its keys stay (ruamel.yaml, round trip). Lines end as those of the file do. Nothing is validated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from itertools import pairwise
from typing import Any

from evenkeel.specs.documents.written import API_VERSION

_BEGIN = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_HEAD = re.compile(r"(?:[ \t]*(?:#.*)?\n)*?(?:[ \t]*\r?\n)(?=[ \t]*\S)")
"""Comments at the begin of a file, set off by an empty line: they are about the file."""

Spec = Mapping[str, Any]


def with_document(text: str, kind: str, name: str, spec: Spec) -> str:
    """The text with this document; one of the same kind and name is changed, a new one is the last."""
    pieces = _pieces(text)
    for spot, piece in enumerate(pieces):
        if _name_of(piece, kind) == name:
            pieces[spot] = _changed(piece, spec)
            return "".join(pieces)
    new = _dumped({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)})
    if not text.strip():
        return new
    end = "" if text.endswith("\n") else "\n"
    mark = "---\n" if any(_loaded(piece) is not None for piece in pieces) else ""
    return text + _ending_as(text, f"{end}{mark}{new}")


def without_document(text: str, kind: str, name: str) -> str:
    """The text without the document of this kind and name; "" when nothing else is in it."""
    pieces = _pieces(text)
    kept = [_head(piece, spot) if _name_of(piece, kind) == name else piece for spot, piece in enumerate(pieces)]
    found = "".join(kept)
    return found if found.strip() else ""


def document_in(text: str, kind: str, name: str) -> str:
    """The piece of the text that is the document of this kind and name; "" when there is none."""
    return next((piece for piece in _pieces(text) if _name_of(piece, kind) == name), "")


def spec_in(text: str, kind: str, name: str) -> dict[str, Any]:
    """The `spec` of that document as plain values; empty when there is none."""
    found = _loaded(document_in(text, kind, name))
    spec = found.get("spec") if isinstance(found, dict) else None
    return _unbound(spec) if isinstance(spec, dict) else {}


def _pieces(text: str) -> list[str]:
    """The documents of a file, each with the mark before it. A line that begins with `---` is a mark wherever it stands."""
    begins = [found.start() for found in _BEGIN.finditer(text)]
    edges = [0, *(each for each in begins if each), len(text)]
    return [text[begin:end] for begin, end in pairwise(edges)]


def _head(piece: str, spot: int) -> str:
    found = _HEAD.match(piece) if spot == 0 else None
    return found[0] if found and "#" in found[0] else ""


def _name_of(piece: str, kind: str) -> str | None:
    """The name of the document of this kind in a piece; `None` for any other one."""
    value = _loaded(piece) if kind in piece else None
    if not isinstance(value, dict) or value.get("kind") != kind:
        return None
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else None


def _changed(piece: str, spec: Spec) -> str:
    """A document with another `spec`; what is in both stays where it is."""
    mark, body = "", piece
    if _BEGIN.match(piece) and (line := piece.partition("\n"))[0].strip() == "---":
        mark, body = f"{line[0]}\n", line[2]
    document = _loaded(body.replace("\r\n", "\n"))
    _merge(document.setdefault("spec", {}), spec)
    return mark + _ending_as(piece, _dumped(document, is_marked=bool(_BEGIN.match(body))))


def _ending_as(text: str, lines: str) -> str:
    """Lines with the line ends of a text, which its first line shows."""
    return lines.replace("\n", "\r\n") if text.partition("\n")[0].endswith("\r") else lines


def _merge(old: Any, new: Spec) -> None:
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        elif _plain(old.get(key)) != value:
            old[key] = value


def _unbound(value: Any) -> Any:
    """A value that is not bound to its text any more."""
    if isinstance(value, Mapping):
        return {str(key): _unbound(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unbound(each) for each in value]
    return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes, yaml.width = True, 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _loaded(piece: str) -> Any:
    """The value of a piece; `None` when there is none, or it cannot be read."""
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(piece)
    except YAMLError:
        return None


def _dumped(value: Any, *, is_marked: bool = False) -> str:
    yaml, text = _yaml(), StringIO()
    yaml.explicit_start = is_marked
    yaml.dump(value, text)
    return text.getvalue()
