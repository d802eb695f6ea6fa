"""Kanto's words: its desired states, manifests, messages and settings."""
