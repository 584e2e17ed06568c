"""The page as a file: it gives back what is in it, no text is markup, and a changed one is refused."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from random import Random

import pytest

from distaff.errors import InputError
from distaff.explorer import _bundle, _export
from distaff.explorer._bundle import SCRIPT, asset, pack, page, read_html, to_html, to_json
from distaff.explorer._text import pack_text

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "<!--<script>",
    "]]><img src=x onerror=window.hacked=1>",
    "\"'`;window.hacked=1//",
    "&lt;b&gt; &amp; \\u003c",
    "abc\u202efdp.exe\u2066\u200f",
    "\u2028\u2029\x00\x1b[31m",
    "\udcff half a character",
    "__proto__",
    "x" * 10_000,
    "${window.hacked=1}{{7*7}}",
]


class Tags(HTMLParser):
    """Collects what a browser would make elements of."""

    def __init__(self, text):
        super().__init__()
        self.found, self.title, self._in_title = [], "", False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, *(name for name, _ in attributes)))
        self._in_title = tag == "title"

    def handle_endtag(self, tag):
        self._in_title = False

    def handle_data(self, data):
        self.title += data if self._in_title else ""


def poison(part, text):
    """Put a text in place of every free text of a manifest."""
    if isinstance(part, dict):
        if {"block", "sha256"} <= part.keys():
            return part
        return {(text if key == "digit" else key): poison(each, text) for key, each in part.items()}
    if isinstance(part, list):
        return [poison(each, text) for each in part]
    return text if isinstance(part, str) else part


def test_a_page_gives_back_its_bundle(bundle, tmp_path, caplog):
    file = tmp_path / "page.html"
    count = bundle.manifest["runs"][0]["points"]["count"]
    with caplog.at_level("INFO", "distaff"):
        _export.write_html(bundle, file)
    read = read_html(file)
    assert read.manifest == bundle.manifest
    assert read.blocks == bundle.blocks
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{file}: ")
    assert record.getMessage().endswith(f"{count} of {count} test images")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_no_text_becomes_markup(bundle, monkeypatch, text):
    monkeypatch.setattr(_bundle, "asset", lambda name: b"" if name == "ort.wasm.gz" else asset(name))
    bundle.blocks = dict.fromkeys(bundle.blocks, b"")
    harmless = Tags(to_html(bundle)).found
    bundle.manifest["runs"] = poison(bundle.manifest["runs"], text)
    written = to_html(bundle)
    assert written.encode()
    assert Tags(written).found == harmless
    manifest = re.search(r'id="distaff-manifest">(.*?)</script>', written, re.DOTALL)[1]
    assert json.loads(manifest) == bundle.manifest
    title = Tags(written).title
    assert len(title) < 200
    assert text.encode(errors="replace").decode()[:100] in title or "\x00" in text


def test_json_holds_no_markup():
    text = to_json({"a": "</script><!--&\u2028\u202e"})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"a": "</script><!--&\u2028\u202e"}
    with pytest.raises(ValueError, match="Out of range"):
        to_json({"a": float("nan")})


def test_the_policy_allows_the_pages_own_scripts_and_no_other():
    written = page("a run", "", connect="data: blob:")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe-inline" not in rules["script-src"]
    assert "http" not in policy
    scripts = SCRIPT.findall(asset("index.html").decode())
    assert scripts
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in rules["script-src"]
    # A policy counts from where it stands: nothing may run or load before it.
    assert written.index("Content-Security-Policy") < written.index("<script")
    assert written.index("Content-Security-Policy") < written.index("<style")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("distaff-manifest", "other"), "not a page that distaff made"),
        (lambda text: text.replace('"schema":1', '"schema":2'), "made by another version"),
        (
            lambda text: re.sub(r'(data-block="0/codes">).{9}', r"\1AAAAAAAAA", text),
            "its bundle cannot be read",
        ),
        (
            lambda text: re.sub(r'<script [^>]*data-block="0/codes">[^<]*</script>', "", text),
            "lacks the block '0/codes'",
        ),
        (lambda text: text.replace('{"schema"', '["schema"'), "its bundle cannot be read"),
        (
            lambda text: re.sub(r'(id="distaff-manifest">).*?</script>', r"\g<1>[]</script>", text),
            "is no object",
        ),
    ],
)
def test_a_damaged_page_is_refused(bundle, tmp_path, change, said):
    text = to_html(bundle)
    file = tmp_path / "page.html"
    file.write_text(change(text))
    assert file.read_text() != text
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        read_html(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_block_that_was_changed_is_refused(bundle, tmp_path):
    content = bytearray(bundle.blocks["0/decoder"])
    content[len(content) // 2] ^= 1
    file = tmp_path / "page.html"
    text = to_html(bundle)
    whole, other = (pack_text(pack(each)) for each in (bundle.blocks["0/decoder"], bytes(content)))
    assert whole in text
    file.write_text(text.replace(whole, other))
    with pytest.raises(InputError, match="the sha256 of its block '0/decoder' is not the one written"):
        read_html(file)


def test_however_a_page_is_damaged_it_is_one_line(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(_bundle, "asset", lambda name: b"" if name == "ort.wasm.gz" else asset(name))
    bundle.blocks = {name: content[:50] for name, content in bundle.blocks.items()}
    text = to_html(bundle)
    start = text.index('<script type="application/json" id="distaff-manifest"')
    manifest = text.index("{", start)
    random, file = Random(0), tmp_path / "page.html"
    pieces = ["[", "{", '"', "\\", "null", "]}", "<script>", "</script>", "\0", "\u202e", "[" * 1000]
    damaged = ["", text[:manifest] + "[" * 200_000 + "]" * 200_000 + "</script>"]
    for _ in range(100):
        place, length = random.randrange(start, len(text)), random.randrange(60)
        damaged += [text[:place], text[:place] + random.choice(pieces) + text[place + length :]]
    lines = set()
    for each in damaged:
        file.write_text(each, encoding="utf-8", newline="")
        try:
            read_html(file)
        except InputError as error:
            lines.add(str(error))
    assert len(lines) >= 3
    assert all(each.startswith(f"{file}: ") and "\n" not in each for each in lines)


def test_a_file_that_is_no_page_is_refused(tmp_path):
    (tmp_path / "a.html").write_bytes(b"\xff\xfe")
    for name in ("a.html", "b.html"):
        with pytest.raises(InputError, match="cannot be read"):
            read_html(tmp_path / name)


def test_large_pages_are_warned_of_and_too_large_ones_refused(bundle, tmp_path, monkeypatch, caplog):
    file = tmp_path / "page.html"
    monkeypatch.setattr(_export, "LARGE", 1_000_000)
    _export.write_html(bundle, file)
    (warned,) = (each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    assert re.fullmatch(rf"{file}: \d\.\d MB is more than many mailboxes take; .* of it for .*", warned)
    file.unlink()
    monkeypatch.setattr(_export, "TOO_LARGE", 2_000_000)
    with pytest.raises(InputError, match=r"pages of 2\.0 MB and more are only written with force=True"):
        _export.write_html(bundle, file)
    assert not file.exists()
    _export.write_html(bundle, file, force=True)
    assert "the program that runs the model" in caplog.records[-1].getMessage()
    assert file.exists()


def test_an_installation_without_the_page_says_so():
    with pytest.raises(InputError, match=r"lacks page/nothing\.html; install it again"):
        asset("nothing.html")
