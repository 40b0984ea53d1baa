"""`python -m avsync` is the command `avsync`."""

from avsync.cli import entry

entry()
