"""The memory of one domain in the journal: facts that no look can tell.

Every domain has a noun of its own for it, such as `specs.containers.memory.ContainersMemory`. Its facts are the fields
that the noun adds to `Memory`: each is a mapping from a key to a value, or a tuple of keys. The journal stores one row
for each key of each fact.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field


class Memory(Struct, frozen=True):
    """The facts that the journal itself adds to those of a domain.

    `rejected` maps names of contents that were tried and failed to the reason. `ends` maps ids of instances to a name
    of their newest end that was seen and its exit code, which do not show any more once they were started again.
    `notified`: subjects that have to begin anew, because another domain has changed something they began with
    (`Traits.notifies`). It is stored as the facts of the domain are.
    """

    domain: ClassVar[str] = ""

    rejected: dict[str, str] = field(default_factory=dict)
    ends: dict[str, tuple[str, int]] = field(default_factory=dict)
    notified: tuple[str, ...] = ()
