"""The nouns of the containers domain."""
