"""The answer to a request: the signed certificate, with its chain, in the file that a document names (`chain`)."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.inspected import Inspections
from evenkeel.controller.drivers.provisioning.pairs import PairsLook, PairStore
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.process.causes import system_words
from evenkeel.specs.provisioning.pair import PairSeen

MOST_PEM = 1024**2


class Answer(NamedTuple):
    """`seen`: the pair that can be taken in, `None` for none. `why`: not "", the reason why what lies there cannot."""

    seen: PairSeen | None = None
    why: str = ""


def answer_of(path: str, host: Host, store: PairStore, inspections: Inspections, found: PairsLook) -> Answer:
    """The answer to the request that is kept; without one, the pair in force with another chain than it has: an authority may
    be appended after the certificate was taken in. `path`: the file. `found`: a look at the store. Raises what `inspect` of a
    `Maker` raises."""
    try:
        content = host.read(path, MOST_PEM)
    except (FileNotFoundError, NotADirectoryError):
        return Answer()
    except OSError as error:
        return Answer(why=f"{path} cannot be read: {system_words(error)}" if found.request else "")
    if found.request:
        seen = inspections.of_pair(Pair(content, store.request().key)).seen
        return Answer(seen) if not seen.fault else Answer(why=f"{path}: {seen.fault}")
    if not found.current or "current" in found.plain:
        return Answer()
    held = store.read(found.current)
    if content == held.certificate:
        return Answer()
    seen = inspections.of_pair(Pair(content, held.key)).seen
    is_longer = seen.is_chain and not seen.fault and seen.sha256 == found.current
    return Answer(seen) if is_longer else Answer()
