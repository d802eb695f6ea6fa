"""The Docker Engine API, which Podman speaks too. Only here is h11 imported."""
