"""A tag that is to be followed is looked up; a digest names one thing for ever."""

from __future__ import annotations

from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container, PullPolicy
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, RemoteImage
from evenkeel.specs.desired import Document, desired_state

PINNED = f"registry.example/web:1@sha256:{'a' * 64}"


def test_registries_are_asked_about_followed_tags_only() -> None:
    policies: list[tuple[str, str, PullPolicy]] = [
        ("followed", "registry.example/web:1", "Always"),
        ("kept", "registry.example/web:2", "IfNotPresent"),
        ("pinned", PINNED, "Always"),
    ]
    documents = [
        Document("Container", name, normal(Container(name, image, pull_policy=policy)))
        for name, image, policy in policies
    ]
    containers = Containers()
    assert containers.look(containers.select(desired_state(documents)), ContainersMemory()).images == (
        "registry.example/web:1",
    )


def test_a_pinned_image_is_never_pulled_again_whatever_a_registry_says() -> None:
    web = normal(Container("web", PINNED, pull_policy="Always"))
    seen = ContainersSeen(
        "docker",
        containers=(ContainerSeen("1", "web", "web", "sha256:id", "running", web),),
        digests={f"registry.example/web@sha256:{'a' * 64}": "sha256:id"},
        remote={PINNED: RemoteImage(f"sha256:{'b' * 64}")},
    )
    containers = Containers()
    want = containers.select(desired_state([Document("Container", "web", web)]))
    assert containers.diff(want, seen, ContainersMemory(proven={"1": ""})) == ()
