"""Offsets: a film's sound against its picture, and recordings of one event against each other.

A positive offset is late: the sound comes after what is seen, or a recording begins after the one
that it is laid over.
"""

from __future__ import annotations
