"""Image references: one image, one text."""

from __future__ import annotations

import pytest

from evenkeel.specs.containers.image import ImageRef, normal_image, parse_image

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("docker.io/library/nginx:latest", "docker.io/library/nginx:latest"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("eclipse/mosquitto", "docker.io/eclipse/mosquitto:latest"),
        ("ghcr.io/eclipse/kuksa.val/databroker:0.4.1", "ghcr.io/eclipse/kuksa.val/databroker:0.4.1"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("Registry/a", "Registry/a:latest"),
        (f"a@{DIGEST}", f"docker.io/library/a@{DIGEST}"),
        (f"a:1@{DIGEST}", f"docker.io/library/a:1@{DIGEST}"),
    ],
)
def test_the_normal_form_names_registry_repository_and_tag(text: str, normal: str) -> None:
    assert normal_image(text) == normal
    assert normal_image(normal) == normal


def test_a_pinned_image_has_no_tag_that_nobody_wrote() -> None:
    assert parse_image(f"a/b@{DIGEST}") == ImageRef("docker.io", "a/b", "", DIGEST)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "repository"),
        ("Nginx", "repository"),
        ("docker.io/", "repository"),
        ("a//b", "repository"),
        ("a/b:", "tag"),
        ("a:b c", "tag"),
        ("a:" + "x" * 129, "tag"),
        ("a@sha256:12", "digest"),
        ("a@", "digest"),
        ("re_g.io/a", "registry"),
        ("a:1:2", "tag"),
    ],
)
def test_an_error_names_the_part_that_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse_image(text)


@pytest.mark.parametrize("path", ["acme/web:1", "r/acme/web:1"])
def test_the_web_pages_of_docker_hub_have_no_images(path: str) -> None:
    with pytest.raises(ValueError, match=r"has the web pages of Docker Hub, .*; write `docker\.io/acme/web:1`"):
        parse_image(f"hub.docker.com/{path}")
