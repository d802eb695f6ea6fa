"""Baselines of a Kanto desired state: groups of components that commands address together, and that go back together.

They ask for nothing by themselves. A component stands in one baseline at most; one that stands in none has a baseline of its
own, with its id as title (container-management.md §2.3). Read from a file they are groups (`Baseline`). Over MQTT they are
those of the activity, which its commands address, and end with it: the state that it reached is good at once, and nothing is
left to go back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET

from evenkeel.specs.desired import Draft
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.kanto.payload import mappings, payload_of, payload_path, texts
from evenkeel.specs.problem import Flaw, Path, nearest


def check_baselines(payload: Mapping[str, object], root: Path, domain: str, flaws: list[Flaw]) -> None:
    """Every fault of titles and components. `root`: the path of the payload in what was written."""
    components = (
        item for _, each in mappings(payload, "domains", root) for _, item in mappings(each, "components", ())
    )
    known = {str(item["id"]) for item in components if isinstance(item.get("id"), str)}
    taken: dict[str, str] = {}
    titles: set[str] = set()
    for path, baseline in mappings(payload, "baselines", root):
        title, place = baseline.get("title"), (*path, "title")
        if isinstance(title, str):
            if title in titles:
                message = f"the baseline `{title}` stands here again"
                flaws.append(Flaw(place, message, "commands name baselines by title"))
            titles.add(title)
            if title in ("", "*", f"{domain}:remove-components"):
                message = f"a baseline cannot be called that, `{title}` stands for what the agent puts there"
                flaws.append(Flaw(place, message, "choose another title"))
        for where, name in texts(baseline, "components", path):
            message = f"cannot find container component {name}"
            own = name.removeprefix(f"{domain}:")
            if own == name:
                if name in known:
                    flaws.append(Flaw(where, f"`{name}` names no domain", f"write `{domain}:{name}`", warning=True))
            elif own not in known:
                flaws.append(Flaw(where, message, nearest(own, known)))
            elif own in taken:
                flaws.append(Flaw(where, message, f"the baseline `{taken[own]}` has it already"))
            else:
                taken[own] = str(title)
    for path, baseline in mappings(payload, "baselines", root):
        own = str(baseline.get("title")).removeprefix(f"{domain}:")
        if own in known and own not in taken and own != baseline.get("title"):
            message = f"the component `{own}` is in no baseline, so that it has one of its own, of this title"
            flaws.append(Flaw((*path, "title"), message, "choose another title"))


def baseline_drafts(value: object, domain: str, drafts: Sequence[Draft]) -> Iterator[Draft]:
    """The groups that a desired state without faults asks for, besides its `drafts`. Where it names baselines, each component
    that stands in none is a group of its own; else there are no groups. Paths are those of `value`."""
    payload, root, prefix = payload_of(value), payload_path(value), f"{domain}:"
    titled = list(mappings(payload, "baselines", root))
    grouped: set[str] = set()
    for path, baseline in titled:
        names = {
            name.removeprefix(prefix) for _, name in texts(baseline, "components", path) if name.startswith(prefix)
        }
        grouped |= names
        if names:
            written = baseline.get("preconditions")
            conditions = written if isinstance(written, str) and written.strip() else UNSET
            wanted = Baseline(tuple(sorted(names)), preconditions=conditions)
            yield Draft("Baseline", str(baseline["title"]), wanted, path, {"members": (*path, "components")})
    for draft in drafts if titled else ():
        if draft.kind == "Container" and draft.name not in grouped:
            yield Draft("Baseline", draft.name, Baseline((draft.name,)), draft.root, {"members": draft.root})
