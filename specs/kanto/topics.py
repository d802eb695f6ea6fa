"""The topics of Kanto's update agents and update managers: one rule makes their prefix from a domain."""

from __future__ import annotations


def topic_prefix(domain: str) -> str:
    """`containers` → `containersupdate`, `self-update` → `selfupdate` (container-management.md §1.1, update-manager.md
    §1.1). Two domains may have the same one."""
    bare = domain.replace("-", "")
    return bare if bare.endswith("update") else f"{bare}update"
