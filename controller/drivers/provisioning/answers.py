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
    """`seen`: the pair that can be taken in, `None` for none, and `pair`, its content. `why`: not "", the reason why what lies
    there cannot."""

    seen: PairSeen | None = None
    why: str = ""
    pair: Pair = Pair(b"", b"")


def answer_of(path: str, host: Host, store: PairStore, inspections: Inspections, found: PairsLook) -> Answer:
    """The answer to the request that is kept; without one, the pair in force with further certificates: an authority may be
    appended after the certificate was taken in. `path`: the file. `found`: a look at the store. Raises what `inspect` of a
    `Maker` raises."""
    is_in_force = bool(found.current) and "current" not in found.plain
    if not found.request and not is_in_force:
        return Answer()
    try:
        content = host.read(path, MOST_PEM)
    except (FileNotFoundError, NotADirectoryError):
        return Answer()
    except OSError as error:
        return Answer(why=f"{path} cannot be read: {system_words(error)}")
    held = store.request() if found.request else store.read(found.current)
    if content == held.certificate:
        return Answer()
    pair = Pair(content, held.key)
    seen = inspections.of_pair(pair).seen
    if not found.request and seen.sha256 != found.current and seen.sha256 in found.pairs:
        return Answer()  # it was taken in, and is not in force: the next one, or one that the cloud has refused
    if seen.fault:
        return Answer(why=f"{path}: {seen.fault}")
    if found.request:
        return Answer(seen, pair=pair)
    if seen.sha256 != found.current:
        return Answer(why=f"{path}: its certificate is another one for the same key, and none was requested")
    has_further = set(seen.above) - set(found.pairs[found.current].above)
    return Answer(seen, pair=pair) if has_further else Answer()
