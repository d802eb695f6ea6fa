"""What is remembered of a container, its adoption most of all, survives looks that show too little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.controller.stage import OnStage, Stage, asking
from tests.memories import adopt, memory

from evenkeel.controller.cycle.absences import Absences
from evenkeel.controller.drivers.containers.memory import World
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal


def test_gone_for_good_takes_several_looks_over_some_time() -> None:
    absences = Absences()
    for now_s in (0, 1, 2, 3, 299):
        assert absences.after_look(["a", "b"], ["b", "c"], now_s) == []
    assert absences.after_look(["a", "b"], ["b"], 300) == ["a"]


def test_one_that_is_back_begins_anew() -> None:
    absences = Absences()
    for now_s in range(0, 290, 10):
        absences.after_look(["a", "b"], ["b"], now_s)
    assert absences.after_look(["a", "b"], ["a", "b"], 295) == []
    assert absences.after_look(["a", "b"], ["b"], 400) == []


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=30))
def test_a_world_without_anything_known_proves_nothing(looks: list[tuple[bool, float]]) -> None:
    absences, now_s = Absences(), 0.0
    for others, after_s in looks:
        now_s += after_s
        assert absences.after_look(["a", "b"], ["stranger"] if others else [], now_s) == []


def test_an_engine_without_its_disk_costs_no_adoption(on_stage: OnStage) -> None:
    """Reproduction of review 5.7: one look at an empty world lost them all."""

    async def work(stage: Stage) -> None:
        stage.engine.put_foreign(normal(Container("web", "web:1")))
        (id_,) = stage.engine.world.containers
        adopt(stage.journal, id_, "web")
        world = stage.engine.world
        stage.say(asking("web:1", "db:1"))
        stage.at(100, setattr, stage.engine, "world", World(created=100))  # ids are never given twice
        stage.at(1000, setattr, stage.engine, "world", world)
        adopted: list[dict[str, str]] = []
        stage.at(999, lambda: adopted.append(memory(stage.journal).adopted))
        await stage.play(1200)
        assert memory(stage.journal).adopted == {id_: "web"}
        assert stage.running() == {"web": "web:1", "db": "db:1"}

    on_stage(work)


def test_an_adopted_one_that_was_removed_is_forgotten_at_some_time(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.put_foreign(normal(Container("web", "web:1")))
        (id_,) = stage.engine.world.containers
        adopt(stage.journal, id_, "web")
        stage.say(asking("web:1", "db:1"))
        stage.at(100, stage.engine.remove, "web")
        await stage.play(1000)
        assert memory(stage.journal).adopted == {}

    on_stage(work)
