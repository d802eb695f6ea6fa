"""Where names lead to each other: one way round for each group, in a time that grows with the graph and no faster.

The standard library's `graphlib` names one cycle of a whole graph. Groups are found by walking twice (Kosaraju, Sharir): what
is reached against the arrows from where the first walk ended last belongs together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

Needs = Mapping[str, Iterable[str]]


def cycles(needs: Needs) -> list[tuple[str, ...]]:
    """For each group of names that need each other, a shortest way round through its first name in `needs`. That name
    stands at the beginning and not again at the end. A name that needs only itself is no group."""
    place = {name: index for index, name in enumerate(needs)}
    turned: dict[str, list[str]] = {name: [] for name in needs}
    for name, needed in needs.items():
        for other in needed:
            turned.get(other, []).append(name)
    seen: set[str] = set()
    order = [name for start in needs for name in _walk(start, needs, seen)]
    seen.clear()
    groups = [sorted(_walk(name, turned, seen), key=place.__getitem__) for name in reversed(order)]
    ordered = sorted((group for group in groups if len(group) > 1), key=lambda group: place[group[0]])
    return [_way_round(group, needs) for group in ordered]


def _walk(start: str, arrows: Needs, seen: set[str]) -> Iterator[str]:
    """The names that are reached from `start` and not `seen`, each after all names that it leads to."""
    trail = [(start, iter(arrows[start]))] if start not in seen else []
    seen.add(start)
    while trail:
        name, ahead = trail[-1]
        for other in ahead:
            if other in arrows and other not in seen:
                seen.add(other)
                trail.append((other, iter(arrows[other])))
                break
        else:
            trail.pop()
            yield name


def _way_round(group: list[str], needs: Needs) -> tuple[str, ...]:
    start, members = group[0], set(group)
    came_from: dict[str, str] = {}
    row = [start]
    for name in row:
        for other in needs[name]:
            if other == start and name != start:
                way = [name]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if other in members and other not in came_from and other != start:
                came_from[other] = name
                row.append(other)
    raise AssertionError("the members of a group lead to each other")
