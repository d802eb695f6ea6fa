"""A container that is gone, whose image is out of reach, and that a revision does not change."""

from __future__ import annotations

import pytest

from .mixed import Mixed, OnMixed
from .test_groups import GROUPS, broken, grouped, settle


@pytest.mark.parametrize("groups", [{}, GROUPS])
@pytest.mark.parametrize("content", [None, "one"])
@pytest.mark.parametrize("observe_s", [0.0, 0.2])
@pytest.mark.parametrize("new", ["lamp:2", "lamp:bad"])
def test_others_are_updated_and_go_back_without_it(
    on_mixed: OnMixed, groups: dict[str, tuple[str, ...]], content: str | None, observe_s: float, new: str
) -> None:
    """They were updated, proven, and taken back again; or never got back, without a pause."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped(content, "web:1", "lamp:1", **groups))
        mixed.engine.remove("web")
        del mixed.engine.world.images["docker.io/library/web:1"]
        broken(mixed, "web:1", pull=True)
        broken(mixed, "lamp:bad")
        mixed.engine.script.observe_s = observe_s
        before = mixed.journal.last_seq()
        mixed.source.readings.put_nowait(grouped(content, "web:1", new, **groups))
        await mixed.play(300)
        entries = [each for each in mixed.journal.entries(limit=100_000) if each.seq > before]
        is_bad = new == "lamp:bad"
        assert mixed.running() == ["lamp:1" if is_bad else "lamp:2"]
        assert mixed.settled() == (False, "Retrying"), "of web"
        starts = [each.step for each in entries if each.kind == "step-done" and each.step.startswith("start:")]
        assert starts == ["start:lamp"] * (1 + is_bad)
        assert [each.kind for each in entries].count("revision-failed") == is_bad
        (good, *_) = [each.message for each in entries if each.kind == "revision-good"] or [""]
        assert is_bad or good == "what it changes is there and proven; as before, not as asked for: web"
        assert len(entries) < 80, "it is not said again and again"
        mixed.engine.catalogue.pop("docker.io/library/web:1")
        mixed.engine.ill.discard("web:1")
        mixed.start()
        await mixed.play(300)
        assert mixed.running() == ["lamp:1" if is_bad else "lamp:2", "web:1"]
        assert mixed.settled() == ((False, "RolledBack") if is_bad else (True, "Converged"))

    on_mixed(work)
