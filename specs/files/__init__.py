"""The nouns of the files domain."""
