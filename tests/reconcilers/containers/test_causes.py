"""Well-known causes are recognised; nothing else of what was said is repeated."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evenkeel.reconcilers.containers.causes import check_cause, exit_text

SECRET = "hunter2"
OCI = "OCI runtime exec failed: exec failed: unable to start container process: "


@pytest.mark.parametrize(
    ("code", "output", "cause"),
    [
        # all measured with Docker 20.10.24
        (
            -1,
            f'{OCI}exec: "curl": executable file not found in $PATH: unknown',
            "its program curl is not in the container",
        ),
        (
            -1,
            f'{OCI}exec: "/opt/none": stat /opt/none: no such file or directory: unknown',
            "its program /opt/none is not in the container",
        ),
        (-1, f'{OCI}exec: "/etc/passwd": permission denied: unknown', "its program /etc/passwd may not be executed"),
        (-1, "Health check exceeded timeout (1s)", "its command did not end within 1s"),
        (
            127,
            "sh: curl: not found\n",
            f"its command ended with {exit_text(127)}",
        ),
        (3, "no database at postgres://user:secret@db\n", "its command ended with exit code 3"),
        (-1, "something new: secret", ""),
        (0, "", ""),
        (1, 'exec: "secret": it is the output of a program', "its command ended with exit code 1"),
    ],
)
def test_causes_of_checks(code: int, output: str, cause: str) -> None:
    assert check_cause(code, output, program_of(output)) == cause


def program_of(output: str) -> str:
    """The program that the case is about."""
    return output.partition('exec: "')[2].partition('"')[0]


_TALK = st.sampled_from(
    [
        "OCI runtime exec failed: ",
        'exec: "',
        '": ',
        "permission denied",
        "Health check exceeded timeout (",
        ")",
        SECRET,
        " ",
    ]
)


@example(1, ["Health check exceeded timeout (", SECRET, ")"])
@example(-1, ["Health check exceeded timeout (", SECRET, ")"])
@example(127, ['exec: "', SECRET, '": '])
@given(st.integers(-1, 255), st.lists(_TALK, max_size=8))
def test_nothing_of_what_a_command_has_written_is_repeated(code: int, talk: list[str]) -> None:
    """It may write what the engine's own words look like."""
    assert SECRET not in check_cause(code, "".join(talk), "curl")


def test_what_an_exit_code_says() -> None:
    assert exit_text(1) == "exit code 1"
    assert exit_text(126) == "exit code 126, which a shell gives when it may not run a program"
    assert exit_text(127, "no such file") == "exit code 127: no such file"
