"""Groups of subjects, over all domains."""
