"""Groups as data: who belongs to which, what changed, and what is left when some go back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.reconcilers.transaction.groups import go_on_without, group_text, groups, has_groups
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.files.file import File
from evenkeel.specs.groups.baseline import Baseline


def container(name: str, version: str, **labels: str) -> Document:
    return Document("Container", name, normal(Container(name, f"{name}:{version}", labels=tuple(labels.items()))))


def file(name: str, content: str) -> Document:
    return Document("File", name, File(name, f"/etc/{name}", content))


def rule(name: str, *members: str, all_or_nothing: bool = True, **labels: str) -> Document:
    return Document("Baseline", name, Baseline(tuple(members), tuple(labels.items()), all_or_nothing))


def state(*documents: Document) -> DesiredState:
    return desired_state(documents)


GOOD = state(container("web", "1"), container("lamp", "1"), file("conf", "1"), rule("drive", "web", "conf"))


def test_groups_reach_over_domains_and_the_rest_is_one() -> None:
    found = groups(GOOD, None)
    assert found.of == {("containers", "web"): "drive", ("files", "conf"): "drive", ("containers", "lamp"): ""}
    assert list(found.changed()) == ["", "drive"]
    assert found.of_subjects("files", ["conf", "other"]) == {"drive"}


def test_a_loose_group_is_as_many_as_it_has_members() -> None:
    asked = state(container("web", "1"), container("lamp", "1"), rule("apps", "web", "lamp", all_or_nothing=False))
    assert set(groups(asked, None).of.values()) == {"apps/containers/web", "apps/containers/lamp"}


def test_a_file_and_a_container_of_one_name_are_two_groups_of_a_loose_one() -> None:
    rules = rule("apps", "web", all_or_nothing=False)
    good = state(container("web", "1"), file("web", "1"), rules)
    asked = state(container("web", "2"), file("web", "2"), rules)
    found = groups(asked, good)
    assert found.of == {("containers", "web"): "apps/containers/web", ("files", "web"): "apps/files/web"}
    part = found.without(["apps/containers/web"])
    assert part.subjects()["containers", "web"].wanted == good.subjects()["containers", "web"].wanted
    assert part.subjects()["files", "web"].wanted == asked.subjects()["files", "web"].wanted


def test_only_what_is_asked_otherwise_has_changed() -> None:
    asked = state(container("web", "1"), container("lamp", "2"), file("conf", "1"), rule("drive", "web", "conf"))
    assert list(groups(asked, GOOD).changed()) == [""]


def test_what_goes_away_belongs_to_the_group_that_it_had() -> None:
    asked = state(container("lamp", "1"), file("conf", "1"), rule("drive", "conf"))
    found = groups(asked, GOOD)
    assert found.of["containers", "web"] == "drive"
    assert list(found.changed()) == ["drive"]


def test_a_group_whose_removal_went_back_stays_a_group() -> None:
    """Found by the law: the rest of the group stayed, and what nobody asked for any more was removed alone."""
    asked = state(container("lamp", "2"), file("conf", "2"), rule("drive", "conf"))
    part = groups(asked, GOOD).without(["drive"])
    assert part.subjects().keys() == GOOD.subjects().keys()
    again = groups(asked, part)
    assert again.of["containers", "web"] == "drive"
    assert again.without(["drive"]).digest == part.digest


def test_a_group_that_nobody_asks_for_any_more_goes_back_as_one() -> None:
    asked = state(container("lamp", "1"), rule("comfort", "lamp"))
    part = groups(asked, GOOD).without(["drive"])
    assert {each.name for each in part.documents if each.is_rule} == {"drive", "comfort"}
    assert groups(asked, part).of["files", "conf"] == "drive"


def test_a_member_by_a_label_that_it_did_not_have_before_stays_a_member_when_it_goes_back() -> None:
    asked = state(container("web", "2", tier="front"), rule("drive", tier="front"))
    part = groups(asked, state(container("web", "1"))).without(["drive"])
    gone = state(rule("drive", tier="front"))
    assert groups(gone, part).of["containers", "web"] == "drive"


def test_rules_are_those_that_are_asked_for() -> None:
    system = Document("SystemContainers", "platform", SystemContainers(("agent",)))
    asked = state(*GOOD.documents, system)
    assert system in groups(asked, GOOD).without(["drive"]).documents


def test_a_part_is_known_by_its_group_and_content() -> None:
    moved = state(*[each for each in GOOD.documents if not each.is_rule], rule("other", "web", "conf"))
    keys = {groups(each, None).changed()[name] for each, name in ((GOOD, "drive"), (moved, "other"))}
    assert len(keys) == 2
    assert len({key.partition("@")[2] for key in keys}) == 1


def test_words() -> None:
    assert has_groups(GOOD)
    assert not has_groups(state(container("web", "1")))
    assert [group_text(each) for each in ("drive", "")] == ["group drive", "what is in no group"]


@pytest.mark.parametrize(
    ("waiting", "along", "goes_on"),
    [
        ({"a"}, set(), True),
        ({"a"}, {"b"}, False),
        ({"a", "b"}, set(), False),
        ({"a", "b", "other"}, set(), False),
        ({"other"}, set(), False),
        (set(), set(), False),
    ],
)
def test_groups_go_on_without_those_that_wait_where_some_do_not(
    waiting: set[str], along: set[str], goes_on: bool
) -> None:
    assert go_on_without(waiting, along, {"a", "b"}) is goes_on


# ── what a document needs has to be there ──────────────────────────────────────────────────────────────────────────


def needing(name: str, version: str, *needs: str) -> Document:
    return Document("Container", name, normal(Container(name, f"{name}:{version}", depends_on=needs)))


RULES = (rule("one", "x", "base"), rule("two", "app"))


def test_a_group_that_needs_what_another_one_brings_stays_as_it_was_with_it() -> None:
    """Found by a check: app was started without base, and was good."""
    good = state(needing("app", "1"), container("x", "1"), *RULES)
    asked = state(needing("app", "2", "base"), container("base", "1"), container("x", "2"), *RULES)
    found = groups(asked, good)
    assert found.along(["one"]) == {"two": "app depends on base, which group one does not have as it was"}
    assert found.along(["two"]) == {}
    assert found.without(["one", "two"]).subjects().keys() == good.subjects().keys()


def test_a_group_that_takes_away_what_another_one_needs_as_it_was_stays_with_it() -> None:
    good = state(needing("app", "1", "base"), container("base", "1"), container("x", "1"), *RULES)
    asked = state(needing("app", "2"), container("x", "2"), *RULES)
    found = groups(asked, good)
    assert found.along(["two"]) == {"one": "base stays for app, as long as group two is as it was"}
    assert found.along(["one"]) == {}


def test_a_group_that_waits_for_the_end_of_what_does_not_end_as_it_was_stays_with_it() -> None:
    base = Container("base", "base:1")
    waits = Container("app", "app:2", depends_on=("base",), conditions=(("base", "completed"),))
    good = state(needing("app", "1"), Document("Container", "base", normal(base)), *RULES)
    job = normal(changed(base, run_once=timedelta(minutes=1)))
    asked = state(Document("Container", "app", normal(waits)), Document("Container", "base", job), *RULES)
    assert list(groups(asked, good).along(["one"])) == ["two"]


def test_a_need_that_is_turned_round_keeps_both_as_they_were() -> None:
    good = state(needing("app", "1", "base"), needing("base", "1"), *RULES)
    asked = state(needing("app", "2"), needing("base", "2", "app"), *RULES)
    assert list(groups(asked, good).along(["two"])) == ["one"]


def test_a_system_container_that_is_needed_is_no_member_of_a_group() -> None:
    good = state(needing("app", "1"), container("x", "1"), *RULES)
    asked = state(needing("app", "2", "sys"), container("x", "2"), *RULES)
    assert groups(asked, good).along(["one"]) == {}
