"""Container engines: Docker over its API, one in memory, and the health checks that are evenkeel's own to make."""
