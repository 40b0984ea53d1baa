"""The README tells the truth: its commands and its code run, and its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment

from avsync.cli.arguments import retime_parser

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like the repository's, to run all blocks in, one after the other.

    What is installed is what is tested, and these are the tests: so `pip` and `pytest` say here
    what they were asked for and do nothing; `.ci/run` runs the same blocks with the real ones.
    """
    place = tmp_path_factory.mktemp("readme")
    (place / "fixtures").symlink_to(ROOT / "fixtures")
    (place / "bin").mkdir()
    for name in ("pip", "pytest"):
        (place / "bin" / name).write_text(f'#!/bin/sh\necho {name} "$@" >> asked\n')
        (place / "bin" / name).chmod(0o755)
    (place / "bin" / "avsync").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m avsync "$@"\n')
    (place / "bin" / "avsync").chmod(0o755)
    return place


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs(place: Path, number: int) -> None:
    language, code = BLOCKS[number]
    commands = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
    path = os.pathsep.join((str(place / "bin"), os.environ["PATH"]))
    done = subprocess.run(
        [*commands[language], code],
        cwd=place,
        env=environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_what_was_installed_and_written(place: Path) -> None:
    asked = (place / "asked").read_text().splitlines()
    assert asked[:2] == ["pip install .", "pip install .[test,cluster]"]
    assert asked[2].split()[0] == "pytest" and len(asked) == 3
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
