"""The world: everything that does I/O, sleeps, reads a clock or logs. The only layer that may; all others are pure."""

if __name__ == "controller":  # the same file under a second name would make two unequal sets of classes
    raise ImportError("import evenkeel.controller, not 'controller'; run: pip install -e .")
