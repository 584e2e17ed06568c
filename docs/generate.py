"""Writes docs/metrics.md from docstrings, and the table of docs/methods.md from recipes.

Run `python docs/generate.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

from distaff import evaluation, metrics
from distaff.metrics import METRICS, NEEDS, Metric
from distaff.recipes import describe, shipped

PAGE = Path(__file__).parent / "metrics.md"
METHODS = Path(__file__).parent / "methods.md"
TABLE = re.compile(r"(?<=<!-- made of the recipes -->\n).*(?=<!-- end -->)", re.DOTALL)
HEAD = """# All metrics

This page is made from the docstrings of the metrics by `python docs/generate.py`; `distaff metrics NAME` says
the same. [Which number can I trust?](trust.md) says which choices change a number.
"""


def metrics_page() -> str:
    """The whole page: a table of each group, then a section for each metric."""
    names = {*metrics.__all__, *evaluation.__all__}
    ours = [METRICS[name] for name in sorted(METRICS) if name in names]
    of_codes = [entry for entry in ours if not entry.of_model]
    groups = {
        "Of codes and factors, by default": [entry for entry in of_codes if entry.default],
        "Of codes and factors, when they are named": [entry for entry in of_codes if not entry.default],
        "Of a trained model": [entry for entry in ours if entry.of_model],
    }
    tables = [f"## {title}\n\n{_table(group)}" for title, group in groups.items()]
    return "\n".join([HEAD, *tables, "## Each in detail\n", *(_section(entry) for entry in ours)])


def _table(entries: list[Metric]) -> str:
    lines = ["| metric | what it says | range | chance | better |", "|---|---|---|---|---|"]
    lines += [
        f"| [`{each.name}`](#{each.name}) | {_cell(each.summary)} | {_cell(each.span)} "
        f"| {_cell(each.chance)} | {each.better} |"
        for each in entries
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _section(entry: Metric) -> str:
    facts = {
        "needs": ", ".join(NEEDS[need] for need in entry.needs),
        "shown with it": ", ".join(f"`{part}`" for part in entry.parts),
        "continuous factors": entry.continuous,
        "missing labels": entry.missing,
        "fooled by": entry.weaknesses,
        "runs": f"{'by default' if entry.default else 'when it is named'}; cost: {entry.cost}",
        "paper": f"<{entry.paper}>" if entry.paper else "",
    }
    lines = [f"- {label}: {text}" for label, text in facts.items() if text]
    return "\n\n".join([f"### {entry.name}", entry.summary, *entry.about, "\n".join(lines)]) + "\n"


def methods_page() -> str:
    """The page of methods, with the table of what each recipe says of itself."""
    lines = ["| recipe | method | needs | should reach | traps |", "|---|---|---|---|---|"]
    for name, about in describe().items():
        said = headers(shipped()[name])
        if said:
            cells = [about, said["Needs"], said["Reaches"], said["Traps"]]
            lines.append(" | ".join([f"| `{name}`", *(_linked(cell) for cell in cells)]) + " |")
    table = "\n".join(lines) + "\n"
    return TABLE.sub(lambda _: table, METHODS.read_text(encoding="utf-8"))


def headers(recipe: str) -> dict[str, str]:
    """What the comments at the head of a recipe say: `# Needs: ...`, `# Reaches: ...` and `# Traps: ...`."""
    found: dict[str, str] = {}
    name = ""
    for line in recipe.splitlines()[1:]:
        if match := re.match(r"# (Needs|Reaches|Traps): (.*)", line):
            name, found[match[1]] = match[1], match[2]
        elif name and line.startswith("#   "):
            found[name] += f" {line[1:].strip()}"
        else:
            break
    return found


def _linked(text: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", _cell(text))


if __name__ == "__main__":
    PAGE.write_text(metrics_page(), encoding="utf-8")
    METHODS.write_text(methods_page(), encoding="utf-8")
