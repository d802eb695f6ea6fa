"""One cycle of one domain, what becomes of a revision, and what is stated and remembered of both."""
