"""The slots domain as a participant."""
