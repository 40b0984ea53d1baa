"""The README tells the truth: its commands and its code run, and its tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT

from avsync.cli import main
from avsync.cli.arguments import retime_parser

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like the repository's, to run all blocks in, one after the other."""
    place = tmp_path_factory.mktemp("readme")
    (place / "fixtures").symlink_to(ROOT / "fixtures")
    return place


ASKED: list[list[str]] = []
"""What pip and pytest were asked for. What is installed is what is tested, and these are the tests:
so here they do nothing, and `.ci/run` runs the same blocks in a shell, with the real ones."""


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(place: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    language, code = BLOCKS[number]
    monkeypatch.chdir(place)
    if language == "python":
        exec(compile(code, f"README block {number}", "exec"), {"__name__": "__main__"})
        return
    for line in code.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            program, *arguments = shlex.split(command, comments=True)
            if program == "avsync":
                assert main(arguments) == 0, command
            else:
                assert program in ("pip", "pytest"), command
                ASKED.append([program, *arguments])


def test_what_was_installed_and_written(place: Path) -> None:
    installed, more, tests = ASKED
    assert installed == ["pip", "install", "."]
    assert more == ["pip", "install", ".[test,cluster]"]
    assert tests[0] == "pytest"
    for name in ("film.retimed.srt", "film.vtt", "why.png", "refined.srt", "again.srt"):
        assert (place / name).stat().st_size > 0


def test_ci_runs_the_same_two_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ci.count("readme_block 1)") == ci.count("readme_block 2)") == 1
    shell = [code for language, code in BLOCKS if language == "bash"]
    assert shell[0].startswith("pip install . ") and "&& pytest " in shell[1]


def test_every_option_is_in_the_table() -> None:
    rows = "\n".join(line for line in README.splitlines() if line.startswith("| `-"))
    options = {name for action in retime_parser()._actions for name in action.option_strings}
    assert options - set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", rows)) == {"-h", "--help"}
