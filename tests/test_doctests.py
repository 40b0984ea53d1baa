"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import avsync

MODULES = [
    module.name
    for module in pkgutil.walk_packages(avsync.__path__, "avsync.")
    if module.name != "avsync.__main__"  # importing it runs it
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
