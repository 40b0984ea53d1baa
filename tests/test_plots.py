"""The picture of an alignment: whole, repeatable, and proof against what names hold."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import dialogue, srt

from avsync.plots import plot_alignment
from avsync.retime import Evidence, RetimedSegment, Retiming
from avsync.subtitles import parse_subtitles
from avsync.timemap import Span, TimeMap


def retiming(
    shifts: tuple[float, ...] = (7.4,),
    *,
    rate: Fraction = Fraction(1),
    name: str = "film.srt",
    reason: str = "",
    windows: int = 60,
) -> Retiming:
    """A retiming with a ridge at each of `shifts` in turn, over half an hour."""
    chance = np.random.default_rng(0)
    times = np.sort(chance.uniform(0, 1800, windows))
    path = np.array(shifts)[(times * len(shifts) / 1800).astype(int)] if windows else np.zeros(0)
    lags = np.arange(min(shifts) - 15, max(shifts) + 15, 0.08)
    scores = chance.normal(size=(windows, lags.size)) + 8.0 * (np.abs(lags - path[:, None]) < 0.1)
    posterior = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    bounds = pairwise(np.linspace(0, 1800, len(shifts) + 1).tolist())
    return Retiming(
        subtitles=parse_subtitles(srt(dialogue(lines=5)).encode(), format="srt", path=name),
        time_map=TimeMap.identity(),
        confidence=0.98,
        accepted=not reason,
        reason=reason,
        segments=tuple(
            RetimedSegment(Span(*span), rate, True, shift, 0.98, 10)
            for span, shift in zip(bounds, shifts, strict=True)
        ),
        clamped=(),
        unchanged=False,
        evidence=Evidence(times, lags, posterior.astype(np.float32), path),
    )


@pytest.mark.parametrize(
    ("extension", "signature"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_extension_chooses_the_format(tmp_path: Path, extension: str, signature: bytes) -> None:
    target = tmp_path / f"why{extension}"
    plot_alignment(retiming(), target)
    assert target.read_bytes().startswith(signature)
    assert list(tmp_path.iterdir()) == [target]  # and no temporary file


def test_another_extension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"why\.bmp.*\.pdf \.png \.svg"):
        plot_alignment(retiming(), tmp_path / "why.bmp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("extension", [".png", ".svg", ".pdf"])
def test_the_same_alignment_gives_the_same_bytes(tmp_path: Path, extension: str) -> None:
    import matplotlib

    plot_alignment(retiming((1.0, 4.0)), tmp_path / f"one{extension}")
    with matplotlib.rc_context({"lines.linewidth": 7, "figure.facecolor": "red"}):
        plot_alignment(retiming((1.0, 4.0)), tmp_path / f"two{extension}")
        assert matplotlib.rcParams["lines.linewidth"] == 7  # and the caller's style is left alone
    assert (tmp_path / f"one{extension}").read_bytes() == (
        tmp_path / f"two{extension}"
    ).read_bytes()


def drawn(tmp_path: Path, result: Retiming) -> str:
    """The picture as SVG, with its text as text."""
    import matplotlib

    from avsync.plots import style

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.STYLE, "svg.fonttype", "none")
        plot_alignment(result, tmp_path / "text.svg")
    assert "svg.fonttype" in matplotlib.rcParams
    return (tmp_path / "text.svg").read_text(encoding="utf-8")


def test_it_says_what_was_found(tmp_path: Path) -> None:
    text = drawn(tmp_path, retiming((-2.5, 3.25), rate=Fraction(1001, 960)))
    for fact in ("film.srt", "accepted", "0.98", "1001/960", "-2.500 s", "+3.250 s", "shift (s)"):
        assert fact in text


def test_it_says_why_not(tmp_path: Path) -> None:
    text = drawn(tmp_path, retiming(reason="no lag stands out"))
    assert "not to be trusted" in text and "no lag stands out" in text


def test_a_name_is_neither_mathematics_nor_markup_nor_control(tmp_path: Path) -> None:
    name = "$\\frac{1}{0}$<script>\x1b[31m\n\u202eevil_\udc80&.srt"
    text = drawn(tmp_path, retiming(name=name, reason="a$b^{c$\x1b"))
    assert "$\\frac{1}{0}$" in text and "a$b^{c$" in text
    assert "<script>" not in text and "\x1b" not in text and "\u202e" not in text
    plot_alignment(retiming(name=name), tmp_path / "hostile.png")


@pytest.mark.parametrize("shifts", [(7.4,), (0.0, 5.0), (-600.0, 10.0, 800.0)])
@pytest.mark.parametrize("windows", [0, 1, 2, 400])
def test_any_number_of_windows_and_any_reach(
    tmp_path: Path, shifts: tuple[float, ...], windows: int
) -> None:
    plot_alignment(retiming(shifts, windows=windows), tmp_path / "why.png")
    assert (tmp_path / "why.png").stat().st_size > 5_000


def test_only_the_lags_that_matter_are_shown(tmp_path: Path) -> None:
    from avsync.plots.alignment import _draw

    near = _draw(retiming((7.0, 9.0)))
    low, high = near.axes[0].get_ylim()
    assert 3 < low < 7 and 9 < high < 13
    far = _draw(retiming((-600.0, 800.0)))
    assert far.axes[0].get_ylim()[1] - far.axes[0].get_ylim()[0] > 1400
    assert far.axes[2].get_ylim() == (-2.5, 2.5)  # the path laid straight, below


def test_a_picture_that_cannot_be_written_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere.why\.png"):
        plot_alignment(retiming(), tmp_path / "nowhere" / "why.png")
