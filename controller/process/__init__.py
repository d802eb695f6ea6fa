"""The process and its machine: clocks, signals, logs, files, and the service supervisor."""
