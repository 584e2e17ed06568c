"""Names and cells that programs stumble over."""

from __future__ import annotations

import keyword

import numpy as np

MARKUP = [
    "[red]", "[/none]", "[/s]", "length [mm]", "a[b]c", "<b>", "</script>", "<!--",
    "-->", "&amp;", "{}", "{0}", "%s", "%(x)s", "$a$", "$x$ $y$", "\\frac{1}{2}", "$",
    "a_b^c", "`x`", "**bold**", "# x", "${HOME}", "$(ls)", "`ls`", "; ls", "| ls",
    "{{1+1}}", "'", '"', "''", '"x"', "\\", "\\n", "\\0", "/", "//", "..", ".", "../x",
    "~", "~root", "*", "?", "a/b", "a\\b", "C:\\x",
]  # fmt: skip
OURS = [
    "seed", "n", "codes", "images", "self", "attributes", "indices", "labels", "steps",
    "kl", "z", "z0", "x", "y", "style0", "split", "row", "file", "file_name", "label",
    "loss", "reconstruction", "value", "values", "total", "step", "seconds",
    "weight.kl", "out", "data", "run", "name", "kind", "size", "mean", "std", "low",
    "high", "train", "valid", "test", "None", "True", "nan", "null", "NaN", "inf",
    "-inf", "__proto__", "constructor", "toString", "__class__", "__init__",
    "prototype", "hasOwnProperty", "id", "type",
]  # fmt: skip
TEXTS = [
    "naïve", "Größe", "möwe", "mo\u0308we", "中文", "日本語", "한국어", "עברית", "العربية",
    "हिन्दी", "ไทย", "🙂", "👩‍👩‍👧", "🏳️‍🌈", "\u202eabc", "\u2066x\u2069", "a\u200bb",
    "\ufeffbom", "\u00a0", "\u3000x", "é", "e\u0301", "ﬁ", "ß", "İ", "ı", "K", "Ω",
    "½", "²", "a\tb", "a\nb", "a\rb", "a\x1b[31mb", "\x07", "\x7f", "a\x00b", "\x85",
    "\u2028", "\ue000", "\U0001d4d0", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴", "x" * 300, "long " * 60,
    "=1+1", "+1", "-1", "@x", "-", "--", "--help", "-h", "a=b", "a=b=c", "=", "a,b",
    "a;b", "a b", " a", "a ", "#", "0", "1", "-0", "1.0", "01", "1e3", "0x1F", "1_000",
    "1,5", "١", "½", "(true)", "x (code)",
]  # fmt: skip
NAMES = list(dict.fromkeys([*OURS, *MARKUP, *TEXTS, *keyword.kwlist[:8]]))


def junk(rng: np.random.Generator, *, name: bool = False) -> str:
    """A hostile text: one of the above, or characters at random."""
    if rng.random() < (0.7 if name else 0.5):
        return str(NAMES[rng.integers(len(NAMES))])
    if rng.random() < 0.5:
        return str(
            rng.choice(
                ["", "NA", "n/a", "-1", "0", "1", "2", "0,5", "1.5", "red", "None", "inf", "1e3", "#N/A"]
            )
        )
    letters = [chr(code) for code in rng.integers(1, 0x2FFF, rng.integers(1, 7))]
    return "".join(letters)
