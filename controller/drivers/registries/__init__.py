"""Registries, asked about images before they are pulled."""
