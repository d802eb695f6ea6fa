"""One revision over several domains: barriers, groups, and the verdict on all of them. Pure."""
