"""One cycle of one domain: its look, the verdict on a revision, and the conditions and memory that follow from both."""
