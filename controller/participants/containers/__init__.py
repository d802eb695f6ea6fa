"""The containers domain as a participant."""
