"""Identities of this device: its id, its key and certificate, and what a cloud has assigned to them."""
