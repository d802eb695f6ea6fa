"""Decisions: pure functions that select, diff, plan, gate and fold. May import `templates` and `specs`; never the
world."""

if __name__ == "reconcilers":  # the same file under a second name would make two unequal sets of classes
    raise ImportError("import evenkeel.reconcilers, not 'reconcilers'; run: pip install -e .")
