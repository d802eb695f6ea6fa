"""Desired states over several domains: what an update manager has under way."""
