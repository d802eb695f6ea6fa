"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
DATA = TESTS / "data"


def let_all_in(folder: Path) -> None:
    """Let everybody into a folder, so that rights to what is in it count. pytest makes its folders for their owner alone."""
    for each in (folder, *folder.parents):
        each.chmod(each.stat().st_mode | 0o001)
