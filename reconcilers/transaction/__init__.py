"""One revision over several domains: how far each may go, and what all of them together have come to. Pure."""
