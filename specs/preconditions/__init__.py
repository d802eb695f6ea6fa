"""Preconditions of baselines: where their values come from, what is observed of them, and what they ask for."""
