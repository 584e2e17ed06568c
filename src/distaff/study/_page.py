"""The results of a study as files to read: CSV and parquet, Markdown, and one page that needs no network."""

from __future__ import annotations

import base64
import csv
import html
import io
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from distaff.errors import InputError, printable
from distaff.figures import make
from distaff.files import atomic_write
from distaff.run import Run
from distaff.study._plan import DATA
from distaff.study._report import EXAMPLES, FIXED, OVERVIEW, Cell, Results, Section
from distaff.study._statistics import median
from distaff.study._worker import RUNS, dataset_of, few_threads


def write_report(results: Results, out: Path) -> None:
    """Write results.csv, study.md and study.html into a study's folder, each whole or not at all.

    Where pyarrow is installed, results.parquet holds the rows too.
    """
    atomic_write(out / "results.csv", to_csv(results).encode())
    if find_spec("pyarrow") is not None:
        atomic_write(out / "results.parquet", to_parquet(results))
    sections = list(results.sections())
    atomic_write(out / "study.md", to_markdown(results, sections).encode())
    atomic_write(out / "study.html", to_html(results, sections, out).encode())


def to_csv(results: Results) -> str:
    """Return the rows as CSV; what is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(results.rows[0] if results.rows else FIXED)
    writer.writerows([("" if each is None else each for each in row.values()) for row in results.rows])
    return file.getvalue()


def to_parquet(results: Results) -> bytes:
    """Return the rows as parquet; a column of numbers and words is one of words."""
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, list[Any]] = {name: [row[name] for row in results.rows] for name in results.rows[0]}
    for name, values in columns.items():
        kinds = {type(each) for each in values if each is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            columns[name] = [None if each is None else str(each) for each in values]
        elif kinds == {int, float}:
            columns[name] = [None if each is None else float(each) for each in values]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _facts(results: Results) -> list[str]:
    facts = [f"{len(results.rows):,} runs: {results.tally}."]
    seconds = [row["seconds"] for row in results.rows if row["seconds"] is not None]
    if seconds:
        facts.append(f"{sum(seconds) / 3600:.2f} hours of training, {median(seconds):.1f} s in the median.")
    if results.others:
        facts.append(f"{results.others:,} run folders beside are not of this study.")
    reasons = Counter(row["reason"] for row in results.rows if row["reason"])
    facts += [f"{count:,} times: {reason}" for reason, count in reasons.most_common(20)]
    facts += [f"Not measured in {count:,} runs: {reason}" for reason, count in results.left_out.items()]
    facts.append(
        "Intervals are of the median over runs: from ten runs on by 10,000 resamples (percentile, seed 0), "
        "below by order statistics, with the coverage in brackets. Failed and diverged runs count as worst."
    )
    return facts


def to_markdown(results: Results, sections: Sequence[Section]) -> str:
    """Return the report as Markdown."""

    def cell(text: str) -> str:
        return printable(text).replace("|", r"\|").replace("\n", " ")

    lines = ["# Study", "", *([results.study.about, ""] if results.study.about else [])]
    lines += [f"- {cell(fact)}" for fact in _facts(results)]
    for section in sections:
        lines += ["", f"## {cell(section.title)}", "", cell(section.note), ""]
        lines.append(f"| {' | '.join(map(cell, section.head))} |")
        lines.append("|" + "---|" * len(section.head))
        lines += [f"| {' | '.join(map(cell, row))} |" for row in section.rows]
    return "\n".join(lines) + "\n"


STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#585e66;--page:#fff;--line:#dddfdb}
:root{--link:#00629b;--run:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e9ecef;--soft:#a3aab3;--page:#101215;--line:#2c3137}
:root{--link:#7fc0ee;--run:#56b4e9}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
body{color:var(--ink);background:var(--page);overflow-wrap:anywhere}a{color:var(--link)}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin:2rem 0 .2rem}ul{padding-left:1.2rem}
p{color:var(--soft);max-width:60rem;margin:.2rem 0 .6rem}
figure{margin:1rem 0;overflow-x:auto}figcaption{font-weight:600;position:sticky;left:0}
img{max-width:min(100%,60rem);height:auto}svg{width:100%;min-width:30rem;max-width:60rem;height:auto}
svg text{font-size:12px;fill:var(--soft)}svg path{fill:none}.grid{stroke:var(--line)}
.run{stroke:var(--run);stroke-width:5;stroke-linecap:round;stroke-opacity:.6}
.median,.failed{stroke:#d55e00;stroke-width:2}
.t{overflow:auto;max-height:34rem;width:fit-content;max-width:100%}table{border-collapse:collapse;font-size:13px}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
td{font-variant-numeric:tabular-nums}th{position:sticky;top:0;background:var(--page)}
"""


def to_html(results: Results, sections: Sequence[Section], out: Path) -> str:
    """Return the report as one HTML page that needs no network; it links to the pages of runs."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    say = _escaped
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "<meta name=viewport content='width=device-width'><title>Study</title>",
        f"<style>{STYLE}</style></head><body><main><h1>Study</h1>",
        f"<p>{say(results.study.about)}</p>" if results.study.about else "",
        f"<ul>{''.join(f'<li>{say(fact)}' for fact in _facts(results))}</ul>",
    ]
    tables = [
        f"<h2>{say(each.title)}</h2><p>{say(each.note)}</p>"
        + _table(each.head, (map(say, row) for row in each.rows), each.shades)
        for each in sections
    ]
    figures = [f"<figure><figcaption>{say(name)}</figcaption>{svg}</figure>" for name, svg in strips(results)]
    points = "Every run is a point, the median of a setting a line; a cross is for runs that failed."
    # What shows all at once comes before the points, and all other tables after them.
    first = sum(each.title in {OVERVIEW, EXAMPLES} for each in sections)
    parts += [
        *tables[:first],
        *_traversals(results, out),
        "<h2>Every run as a point</h2>",
        f"<p>{points}</p>",
        *figures,
        *tables[first:],
    ]
    parts.append("<h2>Every run as a row</h2><p>Each leads to its explorer page, or else to its folder.</p>")
    head = list(results.rows[0]) if results.rows else list(FIXED)
    pages = _pages(out)
    parts.append(_table(head, (_run_cells(row, pages) for row in results.rows)))
    return "".join([*parts, "</main></body></html>\n"])


def _traversals(results: Results, out: Path) -> Iterator[str]:
    """Yield what the latents of the best and the median run do, once every run has ended."""
    ended = all(row["status"] != "waiting" for row in results.rows)
    for which, _, data, row in results.examples():
        folder = out / RUNS / row["run"]
        file = folder / "figures" / "traversals.png"
        title = _escaped(f"Traversals of the {which} run{f' on {data}' if data else ''}: {row['run']}")
        reason: object = "no weights"
        if ended and not file.is_file() and (folder / "model.safetensors").is_file():
            try:
                dataset = dataset_of(Run.open(folder).recipe)
                with few_threads(results.study.threads):
                    reason = make(Run(folder, dataset), only=["traversals"]).failed.get("traversals", "")
            except InputError as error:
                # A report is also written where the images or a part are no longer there.
                reason = error
        if file.is_file():
            content = base64.b64encode(file.read_bytes()).decode()
            image = f'<img alt="{title}" src="data:image/png;base64,{content}">'
            yield f"<figure><figcaption>{title}</figcaption>{image}</figure>"
        elif ended:
            yield f"<p>{title}: not drawn: {_escaped(reason)}</p>"


def _shade(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f" style='background:rgb({'0 114 178' if value > 0 else '213 94 0'}/{abs(value) * 0.6:.2f})'"


def _escaped(text: object) -> str:
    return html.escape(printable(text))


def _pages(out: Path) -> dict[str, str]:
    """Return the address of every run folder's page, or of the folder."""
    found: dict[str, str] = {}
    if not (out / "runs").is_dir():
        return found
    with os.scandir(out / "runs") as folders:
        for each in folders:
            page = "explorer.html" if os.path.exists(f"{each.path}/explorer.html") else ""  # noqa: PTH110 - many
            found[each.name] = f"runs/{each.name}/{page}"
    return found


def _run_cells(row: Mapping[str, Any], pages: Mapping[str, str]) -> Iterator[str]:
    for column, value in row.items():
        text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else _escaped(value)
        linked = column == "run" and value in pages
        yield f'<a href="{html.escape(pages[value])}">{text}</a>' if linked else text


def _table(head: Sequence[str], rows: Iterator[Any], shades: Sequence[Sequence[float | None]] = ()) -> str:
    """Return a table of escaped cells, shaded by numbers from -1 (orange) to 1 (blue)."""
    top = "".join(f"<th scope=col>{_escaped(each)}" for each in head)
    body = "".join(
        f"<tr>{''.join(f'<td{_shade(shade)}>{each}' for each, shade in zip_longest(row, colours))}"
        for row, colours in zip_longest(rows, shades, fillvalue=())
    )
    return f"<div class=t tabindex=0><table><thead><tr>{top}</thead><tbody>{body}</tbody></table></div>"


def strips(results: Results) -> Iterator[tuple[str, str]]:
    """Yield a caption and an SVG for each metric and images: every run a point, medians lines."""
    for metric in results.metrics:
        groups: dict[str, list[Cell]] = {}
        for cell in results.cells(metric):
            data = cell.places[results.axes.index(DATA)] if DATA in results.axes else ""
            groups.setdefault(data, []).append(cell)
        for data, cells in groups.items():
            if any(cell.values or cell.failed for cell in cells):
                names = [_join(cell, results.axes) for cell in cells]
                yield metric + (f" on {data}" if data else ""), strip_plot(cells, names)


def _join(cell: Cell, axes: Sequence[str]) -> str:
    """Return a setting in few words: of what a variant varies the values alone, which the tables name."""
    words = [
        place.rpartition("=")[2] if axis.endswith(" setting") else place
        for axis, place in zip(axes, cell.places, strict=True)
        if axis != DATA and place
    ]
    text = ", ".join(words) or "all"
    return text if len(text) <= 44 else f"{text[:42]}..."


LETTER, WIDE, ROW, TICKS = 7, 820, 20, 5
"""Pixels of a strip plot: a letter, the whole width, a row; and about how many numbers its axis has."""


def strip_plot(cells: Sequence[Cell], names: Sequence[str]) -> str:
    """Return an SVG with a row for each cell: its runs as points, its median a line, failures a cross."""
    values = [value for cell in cells for value in cell.values]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    step = 10 ** math.floor(math.log10((high - low) / TICKS))
    step *= min((1, 2, 5, 10), key=lambda by: abs((high - low) / (step * by) - TICKS))
    left = 16 + LETTER * max(map(len, names))
    rng, bottom = np.random.default_rng(0), ROW * len(cells) + 6
    points, medians, crosses, texts = list[str](), list[str](), list[str](), list[str]()

    def across(value: float) -> float:
        return left + 24 + (value - low) / (high - low) * (WIDE - left - 44)

    for place, (cell, name) in enumerate(zip(cells, names, strict=True)):
        middle = place * ROW + ROW / 2 + 4
        heights = middle + (rng.random(len(cell.values)) - 0.5) * 0.55 * ROW
        points += [f"M{across(x):.1f} {y:.1f}h0" for x, y in zip(cell.values, heights, strict=True)]
        if cell.median is not None and math.isfinite(cell.median):
            medians.append(f"M{across(cell.median):.1f} {middle - 8:.1f}v16")
        if cell.failed:
            crosses.append(f"M{left + 4} {middle - 4:.1f}l8 8m0 -8l-8 8")
        texts.append(f'<text x="{left - 8}" y="{middle + 4:.1f}" text-anchor="end">{_escaped(name)}</text>')
    for tick in range(math.ceil(low / step), math.floor(high / step) + 1):
        x = across(tick * step)
        crosses_axis = f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{tick * step:.4g}</text>'
        texts.append(f'<path class="grid" d="M{x:.1f} 4V{bottom}"/>{crosses_axis}')
    lines = {"run": points, "failed": crosses, "median": medians}
    drawn = "".join(f'<path class="{name}" d="{"".join(each)}"/>' for name, each in lines.items() if each)
    size = f'width="{WIDE}" viewBox="0 0 {WIDE} {bottom + 20}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{"".join(texts)}{drawn}</svg>'
