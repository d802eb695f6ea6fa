"""The demonstration and its command."""
