"""Text: Jinja2 files and one pure renderer. May import `specs` only."""

if __name__ == "templates":  # the same file under a second name would make two unequal sets of classes
    raise ImportError("import evenkeel.templates, not 'templates'; run: pip install -e .")
