"""The drivers of the slots domain, and what they share: downloads, the store of bundles, and the proof of a boot."""
