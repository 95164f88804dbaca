"""Opens the documentation site in a headless Chromium, if one is installed.

Each page is shown 400 and 1280 pixels wide. It must not be wider, its pictures must load, and the
search must find a method. `browser.html` has the checks.
"""

import functools
import html
import http.server
import json
import re
import shutil
import threading
from pathlib import Path

from tools.steps import Counts, call

NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"]
# Generated pages without text of the project.
LEFT_OUT = {"genindex.html", "py-modindex.html", "search.html", "check.html"}
# Of the script's time, which stands still while a page is loaded.
BUDGET = 600_000
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
REPORT = re.compile(r'<pre id="report">(.+?)</pre>', re.S)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *words):
        """Prints nothing."""


def check(steps, site):
    """Checks a built site; skips it without a browser."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        steps.skip("site in a browser", "no Chromium")
        return
    pages = sorted(it.relative_to(site).as_posix() for it in site.rglob("*.html"))
    (site / "pages.json").write_text(json.dumps([it for it in pages if it not in LEFT_OUT]))
    shutil.copy(Path(__file__).with_suffix(".html"), site / "check.html")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/check.html"
    ended = call([browser, *OPTIONS, f"--virtual-time-budget={BUDGET}", address])
    server.shutdown()
    for name in ("pages.json", "check.html"):
        (site / name).unlink()
    report(steps, ended.text)


def report(steps, text):
    """Reports what the page has found."""
    found = REPORT.search(text)
    if not found:
        steps.fail("site in a browser", "the browser has not shown the checks: " + text[-500:])
        return
    result = json.loads(html.unescape(found.group(1)))
    for finding in result["findings"]:
        print("               " + finding)
    counts = Counts(result["opened"], len(result["findings"]))
    steps.record("pages in a browser", counts, 0)
