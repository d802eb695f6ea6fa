"""Eclipse Ditto's messages over Kanto's edge connector: a device as a thing with features (update-manager.md §1.5)."""
