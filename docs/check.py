"""Follows every link within build/site, looks for what pages load from elsewhere, and searches offline."""

from __future__ import annotations

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parents[1] / "build" / "site"
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""What a browser fetches by itself, by tag."""


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if (where := given.get(LOADS.get(tag, ""))) and given.get("rel") != "canonical":
            self.loads.add(where)


def search() -> list[str]:
    """Search the glossary from the disk, in a browser without a network."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return []
    from playwright.sync_api import Request, expect, sync_playwright

    asked: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).scheme not in {"file", "data", "blob"}:
            asked.append(f"search: asks for {request.url}")

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("request", note)
        page.goto((SITE / "index.html").as_uri())
        page.keyboard.press("Control+k")
        page.keyboard.type("teacher forcing", delay=50)
        expect(page.get_by_text(re.compile(r"^\d+ results$"))).to_be_visible(timeout=60_000)
        browser.close()
    return asked


def main() -> int:
    """Return 1 if a link leads nowhere or a page loads from elsewhere."""
    live = set(SITE.glob("gallery/*.html"))  # pages of the explorer, which have tests of their own
    texts = {path: path.read_text(encoding="utf-8") for path in SITE.rglob("*.html") if path not in live}
    pages = {path: Page(text) for path, text in texts.items()}
    found, links = [], 0
    for path, page in sorted(pages.items()):
        name = path.relative_to(SITE)
        found += [f"{name}: loads {each}" for each in sorted(page.loads) if urlsplit(each).netloc]
        for link in sorted(page.links | page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or name == Path("404.html"):
                continue
            links += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{name}: {link}: no such file")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: {link}: no such place")
    found += search()
    print("\n".join([*found, f"{len(pages)} pages, {links} links within, {len(found)} of them wrong"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
