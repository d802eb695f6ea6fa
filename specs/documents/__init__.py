"""Documents, as people write them: their kinds, from bytes to normal form."""
