"""Drivers of the slots domain: one engine over an updater, a machine and a store, each real or simulated."""
