"""A page opened in headless Chromium, without a network: what it shows, what it asked for, what went wrong.

The page is copied with a script before its end that walks through it, so that no driver is needed: Chromium prints the
document after the walk.
"""

import html
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import patience

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Collects errors from the beginning on.
FIRST = """<script>window.__seen={errors:[],pages:[]};
window.addEventListener('error',e=>window.__seen.errors.push(String(e.message||e.target.src||e)),true);
window.addEventListener('unhandledrejection',e=>window.__seen.errors.push(String(e.reason)));</script>"""
# Opens every category of the report's menu and every result in it that can be looked at, and measures each page.
LAST = """<script>
const wait=ms=>new Promise(done=>setTimeout(done,ms));
const note=name=>window.__seen.pages.push({name,wide:document.documentElement.scrollWidth,
  text:document.body.innerText.length,images:[...document.images].filter(i=>i.complete&&!i.naturalWidth).length});
(async()=>{await wait(800);note('landing');
  const top=document.querySelector('h1');const box=top&&top.getBoundingClientRect();
  window.__seen.corner=box&&[box.left,box.top];
  window.__seen.landing=document.body.innerText;
  for(const name of CLICKS){const found=[...document.querySelectorAll('a,button')].find(e=>e.innerText.trim()===name);
    if(!found){window.__seen.errors.push('no entry '+name);continue;}
    found.click();await wait(300);note(name);
    const shown=()=>[...document.querySelectorAll('a[iconname=eye][href="#"]')];
    for(let n=0;n<shown().length;n++){shown()[n].click();await wait(200);note(name+' '+(n+1));}
    const home=[...document.querySelectorAll('a[class*="text-emerald-600"]')].find(e=>!e.innerText.trim());
    if(!home){window.__seen.errors.push('no way back from '+name);break;}
    home.click();await wait(300);}
  window.__seen.asked=performance.getEntriesByType('resource').map(e=>e.name).filter(n=>!/^(data|blob):/.test(n));
  const pre=document.createElement('pre');pre.id='seen';pre.textContent=JSON.stringify(window.__seen);
  document.body.appendChild(pre);})();</script>"""


@dataclass(frozen=True)
class Visit:
    """What Chromium saw: `errors`, `pages` visited (name, width, length of text, broken images), `corner` of the
    heading in the window (left, top), `landing` text, and every address asked for beyond the file itself."""

    errors: list[str]
    pages: list[dict]
    corner: tuple[float, float] | None
    landing: str
    asked: list[str]


def visit(page: Path, folder: Path, size: tuple[int, int], clicks: list[str]) -> Visit:
    """Open a page in a window of `size` and click through `clicks`."""
    text = page.read_text(encoding="utf-8")
    last = LAST.replace("CLICKS", json.dumps(clicks))
    head = text.index("<head>") + len("<head>")
    end = text.rindex("</body>")
    copy = folder / "page.html"
    copy.write_text(text[:head] + FIRST + text[head:end] + last + text[end:], encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}"]
    command += ["--virtual-time-budget=30000", "--dump-dom", copy.as_uri()]
    with open(folder / "chromium.log", "w") as log:
        done = patience.run(command, folder, stderr=log)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, (folder / "chromium.log").read_text()[-2000:]
    seen = json.loads(html.unescape(found.group(1)))
    return Visit(seen["errors"], seen["pages"], seen["corner"], seen["landing"], seen["asked"])
