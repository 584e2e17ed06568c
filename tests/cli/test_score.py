"""`distaff score`: the numbers of a table, and what it says of tables that are none."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from distaff import metrics
from distaff.metrics import METRICS, Score

FAST = "mig,sap,irs,mcc,modularity,total_correlation"


def write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def table(own_folder):
    """Codes z.npy and z.csv; factors f.csv: a text, whole numbers with gaps, fractions."""
    random = np.random.RandomState(0)
    shape, place, mass = random.randint(3, size=300), random.randint(4, size=300), random.rand(300)
    codes = np.column_stack([shape, place, mass, random.randn(300)]) + 0.1 * random.randn(300, 4)
    np.save("z.npy", codes)
    write(own_folder / "z.csv", "abcd", codes.tolist())
    words = np.array(["heart", "disc", "square"])[shape]
    places = [value if i % 7 else "" for i, value in enumerate(place)]
    write(own_folder / "f.csv", ("shape", "place", "mass"), zip(words, places, mass, strict=True))
    classes = np.column_stack([np.array([1, 0, 2])[shape], place]).astype(float)
    classes[::7, 1] = np.nan
    return codes, classes, mass


def test_values_are_those_of_the_library(table, does):
    codes, classes, mass = table
    text = does("score", "z.npy", "f.csv", "--metrics", FAST, "--seed", "3", "--out", "scores.json")
    with Path("scores.json").open(encoding="utf-8") as file:
        result = json.load(file)
    assert list(result) == ["metrics", "left_out", "factors_left_out", "settings", "versions"]
    found = {name: details["value"] for name, details in result["metrics"].items()}
    assert found == {
        "mig": float(metrics.mig(codes, classes)),
        "sap": float(metrics.sap(codes, classes, seed=3)),
        "irs": float(metrics.irs(codes, np.column_stack([classes, mass]))),
        "mcc": pytest.approx(float(metrics.mcc(codes, np.column_stack([classes[:, 1], mass]))), abs=1e-6),
        "modularity": float(metrics.modularity(codes, classes)),
        "total_correlation": float(metrics.total_correlation(codes)),
    }
    assert result["metrics"]["sap"]["options"]["seed"] == 3
    assert result["metrics"]["mig"]["factors"] == ["shape", "place"]
    assert result["settings"]["kinds"] == {"shape": "categorical", "place": "ordinal", "mass": "continuous"}
    assert "shape (3 classes), place (4 classes, 43 missing), mass (continuous)" in text
    assert "shape is text: left out of mcc" in text
    assert "mass is continuous: measured by" in text
    assert f"mig                 {found['mig']:.3f}   higher is better; chance: about 0" in text


def test_csv_and_npy_hold_the_same_codes(table, does):
    plain = does("score", "z.npy", "f.csv", "--metrics", "mig,mcc").splitlines()[1:]
    assert does("score", "z.csv", "f.csv", "--metrics", "mcc,mig").splitlines()[1:4] == plain[:3]


def test_factors_may_be_an_array(table, does):
    _, classes, _ = table
    np.save("f.npy", np.nan_to_num(classes).astype(int))
    assert "factor 0 (3 classes), factor 1 (4 classes)" in does("score", "z.npy", "f.npy", "--metrics", "mig")


def test_the_usual_metrics_that_fit_are_measured_unasked(table, does, monkeypatch):
    # The slow ones are only told from the rest here, so that the test is quick.
    monkeypatch.setattr("distaff.metrics._run._measure", fake)
    text = does("score", "z.npy", "f.csv", "--out", "scores.json")
    usual = sorted(name for name, each in METRICS.items() if each.default and not each.of_model)
    with Path("scores.json").open(encoding="utf-8") as file:
        assert list(json.load(file)["metrics"]) == usual
    also = next(line for line in text.splitlines() if line.startswith("also there"))
    assert "mig_sup" in also
    assert "udr" not in also
    everything = does("score", "z.npy", "f.csv", "--metrics", "all")
    assert "left out: udr: it needs the codes of several models" in everything
    assert "mig_sup" in everything


def fake(entry, inputs, say):
    return Score(0.5, dict.fromkeys(entry.parts, 0.5))


def test_dci_and_its_parts_with_progress(table, does, monkeypatch):
    said = []
    monkeypatch.setattr("distaff.cli._score.working", lambda: Working(said))
    text = does("score", "z.npy", "f.csv", "--metrics", "dci")
    assert "  completeness" in text
    assert "  informativeness" in text
    assert any("of 200 steps" in line for line in said)


def test_a_trivial_number_is_not_shown(table, own_folder, does):
    shapes = [[word] for word in ("heart", "disc", "square") * 100]
    write(own_folder / "one.csv", ["shape"], shapes)
    text = does("score", "z.npy", "one.csv", "--metrics", "dci,modularity,factor_vae_score,mig")
    for name in ("dci", "modularity", "factor_vae_score"):
        assert f"left out: {name}: it needs 2 factors with countable values, the data have 1" in text
    usual = does("score", "z.npy", "one.csv")
    assert "left out: dci: it needs 2 factors" in usual
    assert "also there, by --metrics" in usual


def test_a_metric_of_ones_own_is_listed_and_run(table, own_folder, does):
    (own_folder / "widest.py").write_text(
        "from distaff.metrics import metric\n"
        "@metric(needs=('codes',), default=False)\n"
        "def widest_code(codes):\n"
        "    'The largest range of any code.'\n"
        "    return (codes.max(axis=0) - codes.min(axis=0)).max()\n",
        encoding="utf-8",
    )
    codes, *_ = table
    text = does("score", "z.npy", "f.csv", "--import", "widest", "--metrics", "widest_code")
    assert f"widest_code   {np.ptp(codes, axis=0).max():.3f}" in text
    assert "The largest range of any code." in does("metrics", "widest_code", "--import", "widest")


class Working:
    def __init__(self, said):
        self.said = said

    def __enter__(self):
        return self.said.append

    def __exit__(self, *_):
        pass


def test_a_metric_that_does_not_fit_is_left_out_with_a_reason(table, does, fails):
    text = does("score", "z.npy", "f.csv", "--metrics", "mig,flatness,udr")
    assert "left out: flatness: a traversal needs every combination" in text
    assert "left out: udr: it needs the codes of several models" in text
    assert "nothing can be measured: udr: it needs the codes of several models" in fails(
        "score", "z.npy", "f.csv", "--metrics", "udr"
    )
    np.save("one.npy", np.arange(300.0)[:, None])
    assert "mig: it needs 2 codes, the data have 1" in fails("score", "one.npy", "f.csv", "--metrics", "mig")


def test_a_grid_can_be_traversed(own_folder, does):
    factors = np.stack(np.meshgrid(range(3), range(4)), -1).reshape(-1, 2)
    np.save("z.npy", factors.astype(np.float32))
    np.save("f.npy", factors)
    assert "flatness   1.000" in does("score", "z.npy", "f.npy", "--metrics", "flatness")


CODES = {
    "nan.npy": ("must be finite, but row 2, code 1 is nan", np.where(np.arange(900) == 7, np.nan, 1.0)),
    "words.npy": ("must be numbers, not <U", np.array(["a"] * 900)),
    "objects.npy": (
        "holds Python objects, which are never unpickled",
        np.array([1, "a"] * 450, dtype=object),
    ),
}


@pytest.mark.parametrize("name", CODES)
def test_bad_arrays_of_codes(table, fails, name):
    message, values = CODES[name]
    np.save(name, values.reshape(300, 3), allow_pickle=True)
    assert message in fails("score", name, "f.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("z.npy", b"", "damaged, or not an array that numpy.save wrote"),
        ("z.npy", b"\x93NUMPY\x01\x00", "damaged, or not an array that numpy.save wrote"),
        ("z.txt", b"1", "expected a file that ends in .npy, .npz, .csv or .tsv"),
        ("z.csv", b"", "empty; its first line names the columns"),
        ("z.csv", b"a,b\n1,2\n3\n", "row 3 has 1 cells where the first has 2"),
        ("z.csv", b"a,b\n1,x\n", "row 2, column 'b': 'x' is not a number"),
        ("z.csv", b"a,b\n1,\n", "row 2, column 'b': '' is not a number"),
        ("z.csv", b"0.5,0.25\n1,2\n", "the first line holds numbers; it must name the columns"),
        ("z.csv", b"a,,\n0,2,3\n", "column number 2 has no name"),
        ("z.csv", b"a,a\n0,2\n", "two columns are called 'a'"),
        ("z.csv", b"a,b\n", "must be a filled table"),
        ("z.csv", b"a\n\xff\n", "not UTF-8 text"),
        ("z.csv", b'a\n"1\n', "not CSV"),
    ],
)
def test_bad_files_of_codes(own_folder, fails, name, content, message):
    (own_folder / name).write_bytes(content)
    assert message in fails("score", name, "f.csv")


def test_rows_of_another_number_are_refused(table, own_folder, fails):
    write(own_folder / "bad.csv", "pq", [["a", 1], ["b", 2]])
    assert "bad.csv: 2 rows of factors, but there are 300 rows of codes" in fails("score", "z.npy", "bad.csv")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("a", "every label is 'a'"), ("", "every cell is empty"), ("NA", "every cell is empty")],
)
def test_a_factor_that_says_nothing_is_left_out_and_named(table, own_folder, does, cell, message):
    write(own_folder / "half.csv", "pq", [[cell, i % 2] for i in range(300)])
    text = does("score", "z.npy", "half.csv", "--metrics", "mig")
    assert f"left out the column p: {message}" in text
    assert "q (2 classes)" in text


def test_an_infinite_factor_is_refused(table, own_folder, fails):
    write(own_folder / "bad.csv", "pq", [["inf", i % 2] for i in range(300)])
    assert "bad.csv: column 'p' holds an infinite number" in fails("score", "z.npy", "bad.csv")


def test_semicolons_and_spellings_of_missing(table, own_folder, does):
    codes, classes, _ = table
    rows = [f"{'n/a' if np.isnan(b) else int(b)};{a:g}" for a, b in classes]
    (own_folder / "f2.csv").write_text("\n".join(["place;shape", *rows]), encoding="utf-8")
    text = does("score", "z.npy", "f2.csv", "--metrics", "mig")
    assert f"mig      {float(metrics.mig(codes, classes)):.3f}" in text
    assert "place (4 classes, 43 missing)" in text


def test_columns_that_name_rows_are_left_out(own_folder, fails):
    np.save("z.npy", np.random.RandomState(0).randn(1200, 2))
    write(own_folder / "names.csv", ["file"], [[f"{i}.png"] for i in range(1200)])
    assert "nothing can be measured" in fails("score", "z.npy", "names.csv", "--metrics", "mig")


def test_bad_words(table, fails):
    assert "there is no metric 'migg'; did you mean 'mig'?" in fails(
        "score", "z.npy", "f.csv", "--metrics", "migg"
    )
    assert "none.npy: cannot be read: No such file" in fails("score", "none.npy", "f.csv")
    assert "none.csv: cannot be read: No such file" in fails("score", "z.npy", "none.csv")
    assert "expected a file that ends in .json" in fails("score", "z.npy", "f.csv", "--out", "scores.csv")
    with Path("several.npy").open("wb") as file:
        np.savez(file, a=[1], b=[2])
    assert "several.npy: holds several arrays" in fails("score", "several.npy", "f.csv")


@pytest.mark.parametrize(
    ("array", "message"), [(np.arange(300), "not of shape"), (["a"] * 300, "not of shape")]
)
def test_bad_arrays_of_factors(table, fails, array, message):
    np.save("bad.npy", array)
    assert message in fails("score", "z.npy", "bad.npy")
