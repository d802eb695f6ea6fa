"""The controller: a worker for each domain, the nudges of sources and engines, the log and the sinks, and the care of
the state directory."""
