"""The formats of timelines, by the extensions of their files."""

from __future__ import annotations

TIMELINE_EXTENSIONS = frozenset({".otio", ".edl", ".fcpxml", ".xml"})
"""OpenTimelineIO, CMX 3600, FCPXML, Final Cut Pro 7 XML."""
