"""One page that shows a film beside its curves: no server, nothing loaded from a network.

The film itself is not copied into the page but named by its path from there, or, where it is small
and that was asked for, embedded. Curves are SVG; a click, the arrow keys, Home and End seek.
"""

from __future__ import annotations

import base64
import html
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from avsync.atomic import atomic_path
from avsync.tone.export import report_record
from avsync.tone.report import ToneReport

__all__ = ["write_page"]

_WIDTH, _HEIGHT = 960.0, 150.0

FloatArray = npt.NDArray[np.float64]

_STYLE = """
:root{--ink:#1b2a41;--sound:#f26419;--picture:#2a6f97;--pale:#8d99ae}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);margin:1.5rem auto;max-width:62rem;
padding:0 1rem}video,audio{width:100%;max-height:45vh;background:#000}h1{font-size:1.2rem}
svg{width:100%;height:9.5rem;display:block;cursor:crosshair;touch-action:none}
figure{margin:.6rem 0}figcaption{font-size:.85rem;color:#4a5568}
#curves:focus-visible{outline:3px solid var(--picture);outline-offset:4px}
.sound{stroke:var(--sound)}.picture{stroke:var(--picture)}.band.sound{fill:var(--sound)}
.band.picture{fill:var(--picture)}.line{fill:none;stroke-width:2}.band{opacity:.15;stroke:none}
.zero{stroke:var(--pale);stroke-dasharray:3 4}.now{stroke:var(--ink);stroke-width:1.5}
.agree{fill:#52796f}.disagree{fill:#bc4749}table{border-collapse:collapse;font-size:.85rem;
width:100%}td,th{padding:.15rem .5rem;text-align:right;border-bottom:1px solid #e2e8f0}
td:first-child,th:first-child{text-align:left}tr.here{background:#fff3e6}
button.seek{font:inherit;border:0;background:none;color:inherit;text-decoration:underline;
cursor:pointer;padding:0}
"""
_SCRIPT = """
'use strict';
const data=JSON.parse(document.getElementById('data').textContent);
const media=document.getElementById('media'),curves=document.getElementById('curves');
const rows=[...document.querySelectorAll('tbody tr')],length=data.duration_s;
let at=0;
function show(t){at=Math.min(length,Math.max(0,t));
 document.querySelectorAll('.now').forEach(l=>{const x=at/length*960;
  l.setAttribute('x1',x);l.setAttribute('x2',x)});
 curves.setAttribute('aria-valuenow',at.toFixed(2));
 curves.setAttribute('aria-valuetext',at.toFixed(1)+' seconds');
 rows.forEach((r,n)=>r.classList.toggle('here',data.windows[n].start_s<=at&&
  at<data.windows[n].end_s));}
function seek(t){show(t);media.currentTime=at;}
curves.addEventListener('click',e=>{const s=e.target.closest('svg');if(!s)return;
 const b=s.getBoundingClientRect();seek((e.clientX-b.left)/b.width*length);curves.focus();});
curves.addEventListener('keydown',e=>{const step=e.shiftKey?10:1;
 const to={ArrowRight:at+step,ArrowUp:at+step,ArrowLeft:at-step,ArrowDown:at-step,PageUp:at+30,
  PageDown:at-30,Home:0,End:length}[e.key];
 if(to!==undefined){seek(to);e.preventDefault();}
 else if(e.key===' '){if(media.paused){media.play();}else{media.pause();}e.preventDefault();}});
document.querySelectorAll('button.seek').forEach((b,n)=>b.addEventListener('click',
 ()=>seek(data.windows[n].start_s)));
media.addEventListener('timeupdate',()=>{if(!media.seeking)show(media.currentTime);});
show(0);
"""


def write_page(report: ToneReport, path: str | os.PathLike[str], *, embed: bool = False) -> None:
    """Write the report as one HTML page beside, or near, its film.

    Args:
        path: the page; the film is named by its path from there.
        embed: put the film itself into the page, so that it may be sent on; for small films.

    Raises:
        OSError: the page cannot be written, or the film not read.
    """
    target = Path(path)
    page = _page(report, _source(report, target, embed))
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _source(report: ToneReport, target: Path, embed: bool) -> str:
    film = Path(report.path)
    if embed:
        data = base64.b64encode(film.read_bytes()).decode("ascii")
        return f"data:{'video' if report.picture else 'audio'}/mp4;base64,{data}"
    try:
        relative = os.path.relpath(film.resolve(), target.resolve().parent)
    except ValueError:  # another drive
        return film.resolve().as_uri()
    return quote(Path(relative).as_posix())


def _page(report: ToneReport, source: str) -> str:
    name = html.escape(Path(report.path).name)
    tag = "video" if report.picture is not None else "audio"
    # "</" must not end the element that holds the data.
    data = json.dumps(report_record(report), allow_nan=False).replace("</", "<\\/")
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in report.sentences)
    limits = (
        "Numbers are estimates with their standard errors, of how most listeners and viewers of "
        "the studies behind them would take it; cultures differ. They say nothing about a person."
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Tone of {name}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; media-src * data: file:; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><h1>Tone of {name}</h1>
<{tag} id="media" controls preload="metadata" src="{html.escape(source)}"></{tag}>
<div id="curves" role="slider" tabindex="0" aria-label="Time in the film" aria-valuemin="0"
 aria-valuemax="{report.duration:.2f}" aria-valuenow="0">
{_curves(report)}</div>
<p>Orange: sound. Blue: picture. Click a curve to go there; arrow keys go on and back by a second,
with Shift by ten; Space plays and pauses.</p>
<ul>{said}</ul>
{_table(report)}
<p><small>{limits}</small></p>
<script type="application/json" id="data">{data}</script><script>{_SCRIPT}</script></body></html>
"""


def _curves(report: ToneReport) -> str:
    figures = []
    for name in ("arousal", "valence"):
        shapes = ""
        for kind, side in (("sound", report.sound), ("picture", report.picture)):
            if side is not None:
                values, errors = getattr(side, name), getattr(side, f"{name}_error")
                shapes += _curve(report, values, errors, kind)
        figures.append(_figure(name, shapes))
    if report.agreement is not None:
        figures.append(_figure("agreement", _bars(report, report.agreement.windows)))
    return "\n".join(figures)


def _figure(name: str, shapes: str) -> str:
    return (
        f"<figure><figcaption>{name}, −1 to 1</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" '
        f'preserveAspectRatio="none" id="{name}" aria-hidden="true">'
        f'<line class="zero" x1="0" x2="{_WIDTH:g}" y1="{_y(0)}" y2="{_y(0)}"/>{shapes}'
        f'<line class="now" x1="0" x2="0" y1="0" y2="{_HEIGHT:g}"/></svg></figure>'
    )


def _curve(report: ToneReport, values: FloatArray, errors: FloatArray, kind: str) -> str:
    x = [_x(report, (span.start + span.end) / 2) for span in report.windows]
    there = np.isfinite(values)
    out, run = "", []
    for n in [*range(len(values)), -1]:
        if n >= 0 and there[n]:
            run.append(n)
        elif run:
            line = " ".join(f"{x[k]},{_y(values[k])}" for k in run)
            upper = [f"{x[k]},{_y(values[k] + errors[k])}" for k in run]
            lower = [f"{x[k]},{_y(values[k] - errors[k])}" for k in reversed(run)]
            out += f'<polygon class="band {kind}" points="{" ".join(upper + lower)}"/>'
            out += f'<polyline class="line {kind}" points="{line}"/>'
            run = []
    return out


def _bars(report: ToneReport, values: FloatArray) -> str:
    out = ""
    for span, value in zip(report.windows, values, strict=True):
        if math.isfinite(value):
            left, right = _x(report, span.start), _x(report, span.end)
            top, height = _y(max(0.0, value)), abs(value) * _HEIGHT / 2
            kind = "agree" if value > 0 else "disagree"
            size = f'width="{max(0.5, right - left - 1):.2f}" height="{height:.2f}"'
            out += f'<rect class="{kind}" x="{left}" y="{top}" {size}/>'
    return out


def _x(report: ToneReport, seconds: float) -> float:
    return round(seconds / max(report.duration, 1e-6) * _WIDTH, 2)


def _y(value: float) -> float:
    return round((1 - float(np.clip(value, -1, 1))) * _HEIGHT / 2, 2)


def _table(report: ToneReport) -> str:
    make: Callable[[float | None], str] = lambda v: "–" if v is None else f"{v:+.2f}"  # noqa: E731
    rows = ""
    for window in report_record(report)["windows"]:
        cells = ""
        for side in ("sound", "picture"):
            found = window[side] or {}
            cells += f"<td>{make(found.get('arousal'))}</td><td>{make(found.get('valence'))}</td>"
        name = html.escape(window["name"])
        first = f'<td><button class="seek">{name}</button></td>'
        rows += f"<tr>{first}{cells}<td>{make(window['agreement'])}</td></tr>"
    heads = ["window", "sound: arousal", "valence", "picture: arousal", "valence", "agreement"]
    head = "".join(f"<th>{text}</th>" for text in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
