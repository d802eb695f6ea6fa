"""The Docker Engine, over its HTTP API on a socket; also Podman's, as far as it is the same."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.docker.engine import DockerEngine

__all__ = ["DockerEngine"]
