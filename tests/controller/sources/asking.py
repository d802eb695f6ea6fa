"""Writing specs and reading readings, in as few words as a test can bear."""

from __future__ import annotations

import os
from pathlib import Path

from tests.places import ROOT

from evenkeel.controller.sources.files import Reading
from evenkeel.controller.sources.files import cache as parse_cache
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import Decoded
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.problem import problem_text

CHECKOUT = {**os.environ, "PYTHONPATH": str(ROOT / ".dev")}
"""The environment of another process that runs this code."""


def spec(name: str, image: str = "nginx:1") -> str:
    return f"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {{name: {name}}}\nspec:\n  image: {image}\n"


def asked(reading: Reading) -> dict[str, str]:
    """Names to images; every problem is a failure of the test."""
    assert [problem_text(problem) for problem in reading.problems] == []
    return {
        document.name: document.wanted.image.removeprefix("docker.io/library/")
        for document in reading.desired.documents
        if isinstance(document.wanted, Container)
    }


def texts(reading: Reading) -> list[str]:
    return [problem_text(problem) for problem in reading.problems]


def poison(cache: Path) -> None:
    """Make every entry say, validly, that `evil` is asked for."""
    body = encode(decode_file(spec("evil").encode(), "evil.yaml"))
    for entry in cache.iterdir():
        parse_cache.store(cache, entry.name, decode(body, Decoded))
