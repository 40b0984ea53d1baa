"""The page of a tone report in headless Chromium: a click seeks, the keyboard works."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from avsync.tone.page import write_page
from avsync.tone.report import Agreement, SideTone, ToneReport
from avsync.tone.windows import clock, windows_of

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, _NAMES)), "")

_PROBE = """<script>addEventListener('load',()=>setTimeout(()=>{
const seen={errors:[]},curves=document.getElementById('curves');
const press=(key,shiftKey=false)=>curves.dispatchEvent(new KeyboardEvent('keydown',
 {key,shiftKey,bubbles:true,cancelable:true}));
const box=document.getElementById('arousal').getBoundingClientRect();
document.getElementById('arousal').dispatchEvent(new MouseEvent('click',
 {bubbles:true,clientX:box.left+box.width*.25,clientY:box.top+5}));
seen.click=+curves.getAttribute('aria-valuenow');seen.focused=document.activeElement===curves;
seen.media=document.getElementById('media').currentTime;
press('ArrowRight');seen.right=+curves.getAttribute('aria-valuenow');
press('ArrowLeft',true);seen.left=+curves.getAttribute('aria-valuenow');
press('End');seen.end=+curves.getAttribute('aria-valuenow');
seen.row=document.querySelectorAll('tbody tr.here').length;
press('Home');document.querySelectorAll('button.seek')[2].click();
seen.button=+curves.getAttribute('aria-valuenow');
seen.here=[...document.querySelectorAll('tbody tr')].findIndex(r=>r.classList.contains('here'));
seen.loaded=performance.getEntriesByType('resource').map(r=>r.name);
seen.duration=document.getElementById('media').duration;
const out=document.createElement('pre');out.id='seen';out.textContent=JSON.stringify(seen);
document.body.append(out);},1500));</script></body>"""


def report(path: Path, duration: float) -> ToneReport:
    windows = tuple(windows_of(duration, duration / 4))
    values = np.array([0.2, -0.4, np.nan, 0.6])
    error = np.full(4, 0.2)
    side = SideTone(values, -values, error, error, 0.1, -0.1, 0.1, 0.1, {})
    agreement = Agreement(np.array([0.5, -0.5, np.nan, 0.1]), 0.03, -0.3, 0.4)
    names = tuple(clock(span.start) for span in windows)
    said = ("sound and picture neither clearly agree nor disagree",)
    return ToneReport(str(path), duration, windows, names, side, side, agreement, (), said, ())


@pytest.mark.skipif(not BROWSER, reason="needs Chromium: apt install chromium")
def test_a_click_and_the_keyboard_seek(tmp_path: Path, film: Path) -> None:
    copy = tmp_path / "a film & more.mp4"
    shutil.copy(film, copy)
    page = tmp_path / "report.html"
    write_page(report(copy, 80.0), page)
    text = page.read_text(encoding="utf-8").replace("</body>", _PROBE)
    page.write_text(text, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--timeout=20000"]
    command += ["--virtual-time-budget=8000", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    seen = json.loads(unescape(done.stdout.split('<pre id="seen">')[1].split("</pre>")[0]))
    assert seen["click"] == pytest.approx(20.0, abs=0.3) and seen["focused"]
    assert seen["media"] == pytest.approx(seen["click"], abs=0.5)
    assert seen["right"] == pytest.approx(seen["click"] + 1, abs=0.02)
    assert seen["left"] == pytest.approx(seen["right"] - 10, abs=0.02)
    assert seen["end"] == 80.0
    assert seen["button"] == 40.0 and seen["here"] == 2
    assert seen["duration"] == pytest.approx(89.6, abs=0.5)  # the film is found, and plays
    assert all(name.startswith("file:") for name in seen["loaded"])
