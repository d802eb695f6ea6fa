"""Many names in few words: thirty containers that fail for one reason are one sentence, in a stable order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

_FEW = 3
_MOST_SENTENCES = 12

_LONGEST_REASON, _LONGEST_MESSAGE = 2_000, 30_000
"""In characters. A broker may refuse longer messages, and nobody reads them."""


def listed(names: Collection[str], most: int = _FEW) -> str:
    """Names in order: `a, b, c and 27 more` where there are more than `most`, and at least two more."""
    found = sorted(names)
    if len(found) <= most + 1:
        return ", ".join(found)
    return f"{', '.join(found[:most])} and {len(found) - most} more"


def counted(states: Mapping[str, str]) -> str:
    """The state of subjects in one sentence, from subjects and the words after their names: `a fails its health check`,
    `each of 30 is not running: a, b, c and 27 more`."""
    return _sentences(
        states.items(),
        lambda names, why: f"each of {len(names)} {why}: {listed(names)}",
        lambda name, why: f"{name} {why}",
    )


def reasons(whys: Iterable[tuple[str, str]]) -> str:
    """The reasons for subjects in one sentence, from subjects and sentences: `a: it ended`, `a, b, c and 27 more: it
    ended`."""
    return _sentences(whys, lambda names, why: f"{listed(names)}: {why}", lambda name, why: f"{name}: {why}")


def _sentences(
    whys: Iterable[tuple[str, str]], of_many: Callable[[Sequence[str], str], str], of_one: Callable[[str, str], str]
) -> str:
    alike: dict[str, list[str]] = {}
    for subject, why in sorted(whys):
        alike.setdefault(why, []).append(subject)
    sentences = []
    for why, subjects in alike.items():
        sentences += [of_many(subjects, why)] if len(subjects) > _FEW else [of_one(each, why) for each in subjects]
    if len(sentences) > _MOST_SENTENCES:
        sentences[_MOST_SENTENCES:] = [f"and {len(sentences) - _MOST_SENTENCES} more of this kind"]
    return "; ".join(sentences)


def joined(reasons: Sequence[str]) -> str:
    """The reasons as one text of bounded length. Long foreign texts are cut short, and reasons that do not fit are
    counted."""
    parts, length = [], 0
    for reason in reasons:
        parts.append(reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…")
        length += len(parts[-1])
        if length > _LONGEST_MESSAGE and len(parts) < len(reasons):
            parts.append(f"and {len(reasons) - len(parts)} more")
            break
    return "; ".join(parts)
