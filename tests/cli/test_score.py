"""`distaff score`: the numbers of a table, and what it says of tables that are none."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from distaff import metrics
from distaff.cli.score_suite import ASKED, SLOW
from distaff.metrics import catalogue

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
    assert list(result) == ["metrics", "left_out", "settings", "versions"]
    found = {name: details["value"] for name, details in result["metrics"].items()}
    assert found == {
        "mig": float(metrics.mig(codes, classes)),
        "sap": float(metrics.sap(codes, classes, seed=3)),
        "irs": float(metrics.irs(codes, np.column_stack([classes, mass]))),
        "mcc": float(metrics.mcc(codes, np.column_stack([classes[:, 1], mass]))),
        "modularity": float(metrics.modularity(codes, classes)),
        "total_correlation": float(metrics.total_correlation(codes)),
    }
    assert result["metrics"]["sap"]["options"]["seed"] == 3
    assert result["metrics"]["mig"]["factors"] == ["shape", "place"]
    assert result["settings"]["kinds"] == {"shape": "texts", "place": "classes", "mass": "continuous"}
    assert "shape (3 classes), place (4 classes), mass (continuous)" in text
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


def test_all_that_fits_is_measured_unasked(table, does, monkeypatch):
    # The slow ones are only told from the rest here, so that the test is quick.
    monkeypatch.setattr("distaff.cli.score_suite.Scored.measure", lambda self, entry: fake(entry))
    text = does("score", "z.npy", "f.csv")
    left_out = {line.split(": ")[1] for line in text.splitlines() if line.startswith("left out: ")}
    beside = {each.name for each in catalogue() if {"logvar", "models", "log_weights"} & {*each.needs}}
    assert left_out == beside | {*ASKED}
    shown = [line.split()[0] for line in text.splitlines() if "is better" in line and line[1:2] != " "]
    assert tuple(shown[-len(SLOW) :]) == SLOW


def fake(entry):
    parts = ("completeness", "informativeness", "infoc", "infoe")
    return {"value": 0.5, "factors": [], "options": {}} | dict.fromkeys(parts, 0.5)


def test_dci_and_its_parts_with_progress(table, does, monkeypatch):
    said = []
    monkeypatch.setattr("distaff.cli.score.working", lambda: Working(said))
    text = does("score", "z.npy", "f.csv", "--metrics", "dci")
    assert "  completeness" in text
    assert "  informativeness" in text
    assert any("of 200 steps" in line for line in said)


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
    assert "left out: udr: it needs several models: call distaff.metrics.udr" in text
    assert "nothing can be measured: udr: it needs several models" in fails(
        "score", "z.npy", "f.csv", "--metrics", "udr"
    )
    np.save("one.npy", np.arange(300.0)[:, None])
    assert "mig: it needs 2 codes, the table has 1" in fails("score", "one.npy", "f.csv", "--metrics", "mig")


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
    assert f"{name}: {message}" in fails("score", name, "f.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("z.npy", b"", "damaged, or not an array that numpy.save wrote"),
        ("z.npy", b"\x93NUMPY\x01\x00", "damaged, or not an array that numpy.save wrote"),
        ("z.txt", b"1", "expected a file that ends in .npy or .csv"),
        ("z.csv", b"", "empty; its first line names the columns"),
        ("z.csv", b"a,b\n1,2\n3\n", "line 3 has 1 cells where the first has 2"),
        ("z.csv", b"a,b\n1,x\n", "line 2, column 'b': 'x' is not a number"),
        ("z.csv", b"a,b\n1,\n", "line 2, column 'b': '' is not a number"),
        ("z.csv", b"0.5,0.25\n1,2\n", "the first line holds numbers; it must name the columns"),
        ("z.csv", b",a\n0,2\n", "column 1 has no name"),
        ("z.csv", b"a,a\n0,2\n", "two columns are called 'a'"),
        ("z.csv", b"a,b\n", "must be a filled table"),
        ("z.csv", b"a\n\xff\n", "not UTF-8 text"),
        ("z.csv", b'a\n"1\n', "not CSV"),
    ],
)
def test_bad_files_of_codes(own_folder, fails, name, content, message):
    (own_folder / name).write_bytes(content)
    assert message in fails("score", name, "f.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", 1], ["b", 2]], "2 rows of factors, but there are 300 rows of codes"),
        ([["a", i % 2] for i in range(300)], "factor 'p' has one value only"),
        ([["", i % 2] for i in range(300)], "factor 'p' has no value"),
        ([["inf", i % 2] for i in range(300)], "factor 'p' is infinite in row 1"),
    ],
)
def test_bad_factors(table, own_folder, fails, rows, message):
    write(own_folder / "bad.csv", "pq", rows)
    assert f"bad.csv: {message}" in fails("score", "z.npy", "bad.csv", "--metrics", "mig")


def test_columns_that_name_rows_are_refused(own_folder, fails):
    np.save("z.npy", np.random.RandomState(0).randn(1200, 2))
    write(own_folder / "names.csv", ["file"], [[f"{i}.png"] for i in range(1200)])
    assert "column 'file' has 1,200 different texts" in fails("score", "z.npy", "names.csv")


def test_bad_words(table, fails):
    assert "there is no 'migg'; did you mean 'mig'?" in fails("score", "z.npy", "f.csv", "--metrics", "migg")
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
