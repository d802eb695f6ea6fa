"""The groups of an operation: what succeeds or fails together. Pure.

Without baselines everything is one group. With baselines each is a group over all domains. A component that stands in none is
a group of its own, and so are the removals of a domain, because agents address them so (container-management.md §2.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.operation import BaselinePart, DomainPart, Group, Operation, Share, ToldAction

NOT_EVALUATED = "not evaluated yet"


def removals_of(domain: str) -> str:
    """The title of the removals of a domain. Agents have this baseline also when nothing is to be removed."""
    return f"{domain}:remove-components"


def groups(operation: Operation, conduct: Conduct) -> tuple[Group, ...]:
    """The groups of an operation whose domains are identified. Domains without actions have no share. Where failures are
    independent, each domain of a baseline is a group of its own."""
    found: dict[tuple[str, str], list[Share]] = {}
    for part in operation.parts:
        titles = _titles(part, operation.baselines) if part.actions and not part.end and not part.failed else ()
        for title in titles:
            key = (title, part.domain if conduct.failures == "independent" else "")
            found.setdefault(key, []).append(Share(part.domain, title if len(titles) > 1 else ""))
    conditions = {each.title: each.preconditions for each in operation.baselines}
    return tuple(_group(title, shares, conditions, conduct) for (title, _), shares in found.items())


def _group(title: str, shares: Iterable[Share], conditions: Mapping[str, str], conduct: Conduct) -> Group:
    in_order = tuple(sorted(shares, key=lambda share: conduct.rank_of(share.domain)))
    written = conditions.get(title, "")
    return Group(title, in_order, preconditions=written, unmet=NOT_EVALUATED if written else "")


def _titles(part: DomainPart, baselines: Iterable[BaselinePart]) -> tuple[str, ...]:
    """The titles of the groups in which a domain takes part."""
    return tuple(dict.fromkeys(_titles_of_actions(part, baselines).values()))


def actions_of(share: Share, operation: Operation) -> tuple[ToldAction, ...]:
    """The actions of a share. One that is commanded as a whole has all of its domain."""
    part = operation.part(share.domain)
    if part is None or not share.title:
        return part.actions if part is not None else ()
    titles = _titles_of_actions(part, operation.baselines)
    return tuple(action for action in part.actions if titles[action.component] == share.title)


def _titles_of_actions(part: DomainPart, baselines: Iterable[BaselinePart]) -> dict[str, str]:
    """The component of each action → the title of its group."""
    titles = {component: each.title for each in baselines for component in each.components}
    wanted = set(part.components)

    def title(component: str) -> str:
        return titles.get(component) or (component if component in wanted else removals_of(part.domain))

    return {action.component: title(action.component) if titles else "" for action in part.actions}
