"""Turns the pictures of any source into frames of one film: its size, its colours, upright.

FFmpeg's filters do the work, one graph for each kind of picture that comes. A picture that already
is as the film's are passes untouched, which is what makes cutting footage of one camera fast.
"""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from typing import NamedTuple

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from avsync.cutlist import Fit
from avsync.media.pictures import Orientation

HD_WIDTH, HD_HEIGHT = 1280, 720
"""From either on a picture is in the colours of BT.709, below in those of BT.601."""
_GRAPHS = 8  # kept at once; a conversion from high dynamic range takes seconds to set up
_BARELY = 4  # pixels: narrower bars are a matter of rounding, and are scaled away
_BACKDROP = 8  # a blurred backdrop is made this many times smaller

# ITU-T H.273.
_FULL_RANGE = 2
_BT2020_PRIMARIES = 9
_HIGH_DYNAMIC_RANGE = {16: "smpte2084", 18: "arib-std-b67"}
_MATRICES = {
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020nc",
}
_TRANSPOSES = {
    (False, False): "cclock_flip",
    (True, False): "clock",
    (False, True): "cclock",
    (True, True): "clock_flip",
}


class Colours(NamedTuple):
    """How a film's numbers mean colours; its range is always the limited one."""

    matrix: int
    """of ITU-T H.273; primaries and transfer are those that go with it"""

    @property
    def name(self) -> str:
        """FFmpeg's name of the matrix."""
        return _MATRICES[self.matrix]


def colours_of(size: tuple[int, int]) -> Colours:
    """The colours that a film of a size has: BT.709 in high definition, else BT.601."""
    return Colours(1 if size[0] >= HD_WIDTH or size[1] >= HD_HEIGHT else 6)


class _Kind(NamedTuple):
    """All that a graph depends on."""

    width: int
    height: int
    format: str
    aspect: Fraction
    orientation: Orientation
    matrix: str
    full_range: bool
    transfer: str
    wide_gamut: bool


class Fitter:
    """Fits pictures into frames of `size`, as yuv420p of limited range."""

    def __init__(self, size: tuple[int, int], fit: Fit) -> None:
        self._size = size
        self._fit = fit
        self._colours = colours_of(size)
        self._graphs: OrderedDict[_Kind, Graph] = OrderedDict()
        self._pushed = 0

    def __call__(self, frame: VideoFrame, aspect: Fraction, orientation: Orientation) -> VideoFrame:
        """`frame`, whose pixels are `aspect` times as wide as high, as one of the film's."""
        kind = _kind_of(frame, aspect, orientation)
        if self._is_done(kind):
            return frame
        graph = self._graphs.pop(kind, None) or _build(kind, self._size, self._fit, self._colours)
        self._graphs[kind] = graph
        if len(self._graphs) > _GRAPHS:
            self._graphs.popitem(last=False)
        # What the graph was told is what the frame says, even where the file says nothing.
        frame.colorspace = next(n for n, name in _MATRICES.items() if name == kind.matrix)
        frame.color_range = _FULL_RANGE if kind.full_range else 1
        frame.pts = self._pushed  # a filter with two inputs pairs them by time
        self._pushed += 1
        graph.vpush(frame)
        return graph.vpull()

    def _is_done(self, kind: _Kind) -> bool:
        return (
            (kind.width, kind.height) == self._size
            and kind.format == "yuv420p"
            and kind.aspect == 1
            and kind.orientation == Orientation()
            and _same_matrix(kind.matrix, self._colours.name)
            and not (kind.full_range or kind.transfer or kind.wide_gamut)
        )


def _kind_of(frame: VideoFrame, aspect: Fraction, orientation: Orientation) -> _Kind:
    guessed = colours_of((frame.width, frame.height)).name
    name = frame.format.name
    return _Kind(
        frame.width,
        frame.height,
        name,
        aspect,
        orientation,
        _MATRICES.get(frame.colorspace, guessed),
        frame.color_range == _FULL_RANGE or name.startswith("yuvj"),
        _HIGH_DYNAMIC_RANGE.get(frame.color_trc, ""),
        frame.color_primaries == _BT2020_PRIMARIES,
    )


def _same_matrix(one: str, other: str) -> bool:
    alike = {"bt470bg": "smpte170m"}  # two names for the same numbers
    return alike.get(one, one) == alike.get(other, other)


class _Chain:
    """A graph that grows filter by filter."""

    def __init__(self, graph: Graph, source: FilterContext) -> None:
        self.graph = graph
        self.end = source

    def add(self, name: str, args: str | None = None) -> _Chain:
        following = self.graph.add(name, args)
        self.end.link_to(following)
        self.end = following
        return self


def _build(kind: _Kind, size: tuple[int, int], fit: Fit, colours: Colours) -> Graph:
    graph = Graph()
    source = graph.add(
        "buffer",
        f"video_size={kind.width}x{kind.height}:pix_fmt={kind.format}:time_base=1/1000:"
        f"pixel_aspect=1/1:colorspace={kind.matrix}:range={'pc' if kind.full_range else 'tv'}",
    )
    chain = _Chain(graph, source)
    whole, covering = _scaled(kind, size, cover=False), _scaled(kind, size, cover=True)
    _add_scaled(chain, kind, colours, covering if fit == "crop" else whole)
    if fit == "crop":
        _add_cropped(chain, covering, size)
    elif whole != size and fit == "blur":
        _add_backdrop(chain, size, whole, covering)
    elif whole != size:
        x, y = _centred(size, whole)
        chain.add("pad", f"w={size[0]}:h={size[1]}:x={x}:y={y}:color=black")
    chain.add("format", "yuv420p").add("setsar", "1").add("buffersink")
    graph.configure()
    return graph


def _scaled(kind: _Kind, size: tuple[int, int], *, cover: bool) -> tuple[int, int]:
    """The even size, as shown, at which a picture fits into the film's or covers it."""
    shown = kind.width * kind.aspect, Fraction(kind.height)
    width, height = shown[::-1] if kind.orientation.transpose else shown
    ratios = size[0] / width, size[1] / height
    ratio = max(ratios) if cover else min(ratios)

    def even(length: Fraction, whole: int) -> int:
        near = 2 * round(length / 2)
        return whole if abs(near - whole) < _BARELY else max(2, near)

    return even(width * ratio, size[0]), even(height * ratio, size[1])


def _centred(outer: tuple[int, int], inner: tuple[int, int]) -> tuple[int, int]:
    """Where the inner begins; even, as colour has one sample for two pixels."""
    x, y = ((abs(o - i) // 4) * 2 for o, i in zip(outer, inner, strict=True))
    return x, y


def _add_scaled(chain: _Chain, kind: _Kind, colours: Colours, shown: tuple[int, int]) -> None:
    """Scale to the size shown, turn upright, and convert the colours on the way."""
    width, height = shown[::-1] if kind.orientation.transpose else shown
    args = f"w={width}:h={height}:flags=bicubic:out_color_matrix={colours.name}:out_range=tv"
    if kind.transfer or kind.wide_gamut:
        # The filter knows what comes only from what it is told here.
        transfer = kind.transfer or "bt709"
        args += f":in_primaries=bt2020:in_transfer={transfer}:intent=perceptual"
        args += ":out_primaries=bt709:out_transfer=bt709"
    chain.add("scale", args).add("format", "yuv420p")
    if kind.orientation.transpose:
        mirrored = kind.orientation.mirror_x, kind.orientation.mirror_y
        chain.add("transpose", _TRANSPOSES[mirrored])
        return
    if kind.orientation.mirror_x:
        chain.add("hflip")
    if kind.orientation.mirror_y:
        chain.add("vflip")


def _add_cropped(chain: _Chain, of: tuple[int, int], to: tuple[int, int]) -> None:
    if of != to:
        x, y = _centred(of, to)
        chain.add("crop", f"w={to[0]}:h={to[1]}:x={x}:y={y}:exact=1")


def _add_backdrop(
    chain: _Chain, size: tuple[int, int], whole: tuple[int, int], covering: tuple[int, int]
) -> None:
    """Behind the whole picture, one that covers the frame and is out of focus."""
    split = chain.add("split").end
    small = _part(size)
    large = max(small[0], _part(covering)[0]), max(small[1], _part(covering)[1])
    # Blurring is cheap where there are few pixels, and the enlarging blurs as well.
    backdrop = _Chain(chain.graph, split).add("scale", f"w={large[0]}:h={large[1]}:flags=area")
    _add_cropped(backdrop, large, small)
    backdrop.add("gblur", f"sigma={max(1.0, small[1] / 24):.2f}")
    backdrop.add("scale", f"w={size[0]}:h={size[1]}:flags=bicubic")
    x, y = _centred(size, whole)
    overlay = chain.graph.add("overlay", f"x={x}:y={y}:format=yuv420:eval=init")
    backdrop.end.link_to(overlay, 0, 0)
    split.link_to(overlay, 1, 1)
    chain.end = overlay


def _part(size: tuple[int, int]) -> tuple[int, int]:
    width, height = (max(2, 2 * round(length / _BACKDROP / 2)) for length in size)
    return width, height
