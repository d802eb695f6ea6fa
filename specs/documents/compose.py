"""Compose files, quadlets and Kubernetes manifests that lie where specs belong, each recognised and answered in one
sentence.

A compose file is the most common mistake. Six complaints about missing keys do not name the mistake; one sentence does.
Compose, quadlets and shells replace variables in values (`${NAME}`). Here such a text stays as it is: it is valid, and
rarely meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from evenkeel.specs.containers.container import Container
from evenkeel.specs.problem import Flaw, Path, Place, Problem

_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]\w*(?:\}|:?[-?+=])", re.ASCII)
"""`${NAME}`, or the beginning of `${NAME:-default}` and its like."""
_TEMPLATE = re.compile(r"\{\{-?\s*[\w.$]+\s*-?\}\}", re.ASCII)
"""`{{ name }}` of Jinja, Helm, Go and Ansible."""
_SHELL_TEXT = re.compile(r"-[a-z]*c")
"""`-c`, `-ec`: the next word is a text for a shell."""


def is_compose(value: Mapping[str, object]) -> bool:
    """Whether a document is one of compose."""
    return isinstance(value.get("services"), dict) and not ("apiVersion" in value or "kind" in value)


def compose_flaw() -> Flaw:
    """The flaw of a compose file, whatever its content."""
    hint = "write a document of kind `Container` for each of its services"
    return Flaw(("services",), "this is a compose file, which evenkeel does not read", hint)


_KUBERNETES = (
    "ConfigMap", "CronJob", "DaemonSet", "Deployment", "Job", "List", "Pod", "ReplicaSet", "Secret", "Service", "StatefulSet",
)  # fmt: skip
_QUADLET = re.compile(
    rb"(?:[ \t\r]*(?:[#;][^\n]*)?\n)*[ \t]*(\[)"
    rb"(?:Unit|Container|Pod|Kube|Network|Volume|Service|Install)\][ \t\r]*\n\s*[A-Z#;\[]"
)


def is_kubernetes(value: Mapping[str, object]) -> bool:
    """Whether a document is one of Kubernetes."""
    version = value.get("apiVersion")
    return value.get("kind") in _KUBERNETES and isinstance(version, str) and not version.startswith("evenkeel")


def kubernetes_flaw(value: Mapping[str, object]) -> Flaw:
    """The flaw of a Kubernetes manifest, whatever its content."""
    hint = "write a document of kind `Container` for each of its containers"
    return Flaw(("kind",), f"this is a {value['kind']} of Kubernetes, which evenkeel does not read", hint)


def quadlet_line(content: bytes) -> int:
    """The line of the first section of a quadlet or another unit of systemd, 0 when a file is none."""
    found = _QUADLET.match(content[:_BEGINNING])
    return content.count(b"\n", 0, found.start(1)) + 1 if found else 0


def quadlet_problem(file: str, line: int) -> Problem:
    """The problem of a quadlet, whatever its content."""
    hint = "write a document of kind `Container` for each container"
    return Problem(Place(file, line, 1), "", "this is a quadlet file of systemd, which evenkeel does not read", hint)


_BEGINNING = 4096


def unfilled(container: Container) -> Iterator[Flaw]:
    """Warnings for values of variables and words of the command that look as if somebody filled them in. They are not
    repeated."""
    for name, value in container.env:
        if value is not None and _VARIABLE.search(value):
            yield _nobody_fills("${…}", ("env", name))
        elif value is not None and _TEMPLATE.search(value):
            yield _nobody_fills("{{ … }}", ("env", name))
    for index, word in enumerate(container.command or ()):
        if _SHELL_TEXT.fullmatch(word):
            break  # a shell fills in what comes next
        if _VARIABLE.search(word):
            yield _nobody_fills("${…}", ("command", index))


def _nobody_fills(what: str, path: Path) -> Flaw:
    message = f"`{what}` is filled in by nobody here; the container gets it as it is written"
    return Flaw(path, message, "write the value itself", warning=True)
