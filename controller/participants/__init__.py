"""Participants of an update: domains of this device, driven in the phases that a commander commands."""
