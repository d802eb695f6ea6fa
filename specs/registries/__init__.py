"""The nouns of the registries domain: who lets this device fetch images, and how."""
