"""The resources of an FCPXML document: formats, files, effects, each with its id."""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from avsync.timeline.clock import exact_rate, seconds_of
from avsync.timeline.fcpxml_reading import KEY, source_url
from avsync.timeline.items import extents, is_picture, is_sound, placed, size_of, url_of
from avsync.timeline.places import name_of, printable

_OLDEST = (1, 8)
_WITH_MEDIA_REP = (1, 9)
_DISSOLVE = "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265"
_FULL_HD = (1920, 1080)
# As the DTD spells them.
_CONFORMED = {
    exact_rate(float(name)): name
    for name in ("23.98", "24", "25", "29.97", "30", "60", "47.95", "48", "50", "59.94")
}


def write_time(seconds: Fraction) -> str:
    """A time as FCPXML has it: 1001/24000s. Denominators have 32 bits there."""
    seconds = seconds.limit_denominator(10**6)
    whole = seconds.denominator == 1
    return f"{seconds.numerator}s" if whole else f"{seconds.numerator}/{seconds.denominator}s"


class Assets:
    """What a document refers to: what it was read with, and what was added."""

    def __init__(self, timeline: Any, rate: Fraction) -> None:
        kept = timeline.metadata.get(KEY, {})
        self.resources = Element("resources")
        for text in kept.get("resources", []):
            self.resources.append(ElementTree.fromstring(text))
        told = tuple(int(part) for part in kept.get("version", "").split(".") if part.isdigit())
        self._version = max(told, _OLDEST)
        self._rate = rate
        self._extents = extents(timeline)
        self._seen, self._heard = (
            {url_of(p.item) for t in timeline.tracks if kind(t) for p in placed(t, rate)}
            for kind in (is_picture, is_sound)
        )
        self._size = size_of(timeline) or _FULL_HD
        sequence = kept.get("sequence")
        self.sequence_format = (
            ElementTree.fromstring(sequence).get("format", "")
            if sequence
            else self._format(rate, self._size)
        )

    @property
    def version(self) -> str:
        """Of the document: the one it had, 1.8 at least."""
        return ".".join(map(str, self._version))

    def asset(self, clip: Any) -> str:
        """The id of a clip's file."""
        url = url_of(clip) or f"file:///{name_of(clip.name) or 'untitled'}"
        for asset in self.resources.iterfind("asset"):
            if source_url(asset) == url:
                return asset.get("id", "")
        start, end = self._extents.get(url, (Fraction(0), Fraction(0)))
        if not url_of(clip):  # as far as is known, it is what is shown
            shown = clip.trimmed_range()
            start, end = seconds_of(shown.start_time), seconds_of(shown.end_time_exclusive())
        name = printable(clip.name) or name_of(url)
        asset = Element("asset", id=self._free_id(), name=name)
        asset.set("start", write_time(start))
        asset.set("duration", write_time(end - start))
        media = _media(clip)
        if url in self._seen or not url_of(clip):
            size = _size(media) or self._size
            asset.set("hasVideo", "1")
            asset.set("format", self._format(self._rate_of(clip), size))
        if url in self._heard or "audio" in media:
            channels = media.get("audio", {}).get("channelcount", "2")
            for key, value in (
                ("hasAudio", "1"),
                ("audioSources", "1"),
                ("audioChannels", channels),
            ):
                asset.set(key, str(value))
        if self._version >= _WITH_MEDIA_REP:
            SubElement(asset, "media-rep", kind="original-media", src=url)
        else:
            asset.set("src", url)
        self.resources.append(asset)
        return asset.get("id", "")

    def dissolve(self) -> str:
        """The id of the cross dissolve."""
        for effect in self.resources.iterfind("effect"):
            if effect.get("uid") == _DISSOLVE:
                return effect.get("id", "")
        added = self._free_id()
        SubElement(self.resources, "effect", id=added, name="Cross Dissolve", uid=_DISSOLVE)
        return added

    def conformed(self, clip: Any) -> str | None:
        """The rate of a clip's file, where that is not the timeline's: to be shown at its own."""
        own = self._rate_of(clip)
        return None if own == self._rate else _CONFORMED.get(own)

    def _rate_of(self, clip: Any) -> Fraction:
        known = clip.media_reference.available_range if clip.media_reference else None
        return self._rate if known is None else exact_rate(known.duration.rate)

    def _format(self, rate: Fraction, size: tuple[int, int]) -> str:
        shape = {
            "frameDuration": write_time(1 / rate),
            "width": str(size[0]),
            "height": str(size[1]),
        }
        for form in self.resources.iterfind("format"):
            if all(form.get(key) == value for key, value in shape.items()):
                return form.get("id", "")
        added = self._free_id()
        SubElement(self.resources, "format", {"id": added, **shape})
        return added

    def _free_id(self) -> str:
        taken = {item.get("id") for item in self.resources}
        return next(name for n in range(1, len(taken) + 2) if (name := f"r{n}") not in taken)


def _media(clip: Any) -> Any:
    """What is known of a file's picture and sound."""
    reference = clip.media_reference
    media = {} if reference is None else reference.metadata.get("fcp_xml", {}).get("media", {})
    return media if hasattr(media, "get") else {}


def _size(media: Any) -> tuple[int, int] | None:
    video = media.get("video") or {}
    shape = video.get("samplecharacteristics") or {} if hasattr(video, "get") else {}
    if "width" in shape and "height" in shape:
        return int(shape["width"]), int(shape["height"])
    return None
