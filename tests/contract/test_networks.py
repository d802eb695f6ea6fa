"""A container is on the network of its mode, or it is told that it is not, and can be put back; on every engine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from evenkeel.specs.containers.actions import Connect, Create, End, Start, Verify
from evenkeel.specs.containers.container import Health, HttpProbe, Stop
from evenkeel.specs.containers.observed import ContainerSeen

from .kits import Kit
from .test_containers import SECOND, container, done, reachable, seen


async def there(kit: Kit, name: str = "web", adopted: Mapping[str, str] = {}) -> ContainerSeen:
    found = await seen(kit, name, adopted)
    assert found is not None
    return found


@pytest.mark.rights
async def test_one_on_its_network_is_not_cut_off(kit: Kit) -> None:
    await done(kit, Create(container(), "web"))
    assert (await there(kit)).cut_off == "", "it is on it as soon as it is started"
    for action in (Start("web"), Connect("web", container()), End("web", Stop(timeout=SECOND))):
        await done(kit, action)
        assert (await there(kit)).cut_off == ""


@pytest.mark.rights
async def test_one_that_was_disconnected_is_connected_where_it_runs(kit: Kit) -> None:
    await done(kit, Create(container(), "web"), Start("web"))
    before = await there(kit)
    await kit.somebody("disconnect", "web")
    assert (await there(kit)).cut_off == "it is on no network"
    for _ in range(2):
        await done(kit, Connect("web", container()))
        after = await there(kit)
        assert (after.cut_off, after.state, after.id, after.started_at) == ("", "running", before.id, before.started_at)


@pytest.mark.rights
async def test_one_that_was_disconnected_fails_a_check_over_the_network(kit: Kit) -> None:
    check = Health(HttpProbe(80, "/health"), SECOND / 5, SECOND, 3, 60 * SECOND)
    wanted = await reachable(kit, container(image="web:1", health=check))
    await done(kit, Create(wanted, "web"), Start("web"), Verify("web", wanted))
    await kit.somebody("disconnect", "web")
    assert (await there(kit)).health != "healthy"
    await done(kit, Connect("web", wanted), Verify("web", wanted))


@pytest.mark.rights
async def test_one_whose_network_was_removed_is_connected_where_it_runs(kit: Kit) -> None:
    await done(kit, Create(container(), "web"), Start("web"))
    await kit.remove_network()
    assert (await there(kit)).cut_off
    await done(kit, Connect("web", container()))
    found = await there(kit)
    assert (found.cut_off, found.state) == ("", "running")


@pytest.mark.parametrize("connects", [False, True])
@pytest.mark.parametrize("is_made_again", [False, True])
async def test_one_whose_network_was_removed_can_be_started(kit: Kit, connects: bool, is_made_again: bool) -> None:
    """It points to the network that is gone, also when one of the same name is there."""
    await done(kit, Create(container(), "web"), Start("web"), End("web", Stop(timeout=SECOND)))
    await kit.remove_network()
    if is_made_again:
        await done(kit, Create(container("db"), "db"), Start("db"))
    found = await there(kit)
    assert (found.state, found.cut_off != "") == ("exited", True)
    if connects:
        await done(kit, Connect("web", container()))
        assert (await there(kit)).cut_off == ""
    await done(kit, Start("web"))
    found = await there(kit)
    assert (found.cut_off, found.state, found.error) == ("", "running", "")


async def test_one_that_was_never_started_needs_no_network_before(kit: Kit) -> None:
    await done(kit, Create(container(), "web"))
    await kit.remove_network()
    assert (await there(kit)).cut_off == ("it is on no network" if kit.detaches else "")
    await done(kit, Start("web"))
    found = await there(kit)
    assert (found.cut_off, found.state) == ("", "running")


async def test_one_that_was_disconnected_while_it_was_stopped_is_started_on_its_network(kit: Kit) -> None:
    await done(kit, Create(container(), "web"), Start("web"), End("web", Stop(timeout=SECOND)))
    await kit.somebody("disconnect", "web")
    assert (await there(kit)).cut_off == "it is on no network"
    await done(kit, Start("web"))
    found = await there(kit)
    assert (found.cut_off, found.state) == ("", "running")


@pytest.mark.rights
async def test_one_on_the_network_of_the_host_is_never_cut_off(kit: Kit) -> None:
    wanted = container("db"), container(network="host")
    await done(kit, *(Create(each, each.name) for each in wanted), Start("web"), Start("db"))
    await kit.remove_network()
    assert (await there(kit)).cut_off == ""
    await done(kit, Connect("web", wanted[1]), End("web", Stop(timeout=SECOND)), Start("web"))
    assert (await there(kit)).cut_off == ""


async def test_one_that_was_adopted_is_told_and_connected_like_our_own(kit: Kit) -> None:
    id_ = await kit.somebody_runs("stranger")
    await kit.somebody("disconnect", "stranger")
    assert (await there(kit, "stranger")).cut_off == "", "nobody asked for it"
    adopted = {id_: "stranger"}
    found = await there(kit, "stranger", adopted)
    assert found.container is not None
    assert found.cut_off == "it is on no network"
    await done(kit, Connect(id_, found.container))
    found = await there(kit, "stranger", adopted)
    assert (found.cut_off, found.state) == ("", "running")
