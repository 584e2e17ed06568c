"""`distaff encode`: a table of codes, what the model reads, and true labels, of whatever training takes."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distaff.data import load
from distaff.run import Run
from distaff.run import load as load_model


def rows_of(path):
    header, *rows = csv.reader(Path(path).read_text().splitlines())
    return header, rows


def test_files_and_folders(does, supervised, images):
    assert "4 images" in does("encode", supervised, images, images / "a.png", "--out", "codes.csv")
    header, rows = rows_of("codes.csv")
    model = load_model(supervised)
    assert header == ["file", *(each.label for each in model.latents), "digit", "label (true)"]
    assert [Path(row[0]).name for row in rows] == ["a.png", "b.png", "c.png", "a.png"]
    assert [row[-1] for row in rows] == ["", "", "more", ""]
    pixels = np.stack([np.asarray(Image.open(row[0])) for row in rows])
    codes = np.array([row[1:-2] for row in rows], np.float32)
    np.testing.assert_allclose(codes, model.encode(pixels), rtol=1e-3, atol=1e-6)
    assert [int(row[-2]) for row in rows] == model.predict(pixels)["digit"].tolist()


def test_the_table_goes_to_the_run_when_no_file_is_named(does, copied, images):
    assert does("encode", copied, images / "a.png") == f"{copied / 'codes.csv'}: 1 image\n"
    assert len(rows_of(copied / "codes.csv")[1]) == 1


def test_images_that_are_changed_for_the_model_are_told(notes, supervised, tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "other.png")
    said = "1 image was resized to 8 x 8; 1 was made grey"
    assert said in notes("encode", supervised, tmp_path / "other.png", "--out", "codes.csv")
    assert said in notes(
        "edit", supervised, tmp_path / "other.png", "--attribute", "digit=3", "--out", "new.png"
    )


def test_a_data_set_comes_with_its_true_labels(does, supervised):
    does("encode", supervised, "digits", "--out", "codes.csv")
    header, rows = rows_of("codes.csv")
    run = Run.open(supervised)
    dataset = run.dataset()
    assert len(rows) == 300
    assert header[:2] == ["row", "split"]
    assert header[-2:] == ["digit", "digit (true)"]
    assert [int(row[-1]) for row in rows] == dataset.attributes.column("digit").astype(int).tolist()
    split = np.array([row[1] for row in rows])
    for name, members in dataset.splits.items():
        assert np.flatnonzero(split == name).tolist() == members.tolist()
    codes = np.array([row[2:-2] for row in rows], np.float32)
    expected = run.model.encode(dataset.images.take(slice(None)))
    np.testing.assert_allclose(codes, expected, rtol=1e-3, atol=1e-6)


def test_images_that_training_saw_are_encoded_without_a_word_of_measuring(does, fails, supervised, capsys):
    dataset = Run.open(supervised).dataset()
    rows = dataset.splits["train"][:8]
    np.savez("seen.npz", images=dataset.images.take(rows)[:, 0], digit=np.arange(8))
    assert does("encode", supervised, "seen.npz", "--out", "codes.csv") == "codes.csv: 8 images\n"
    assert "not measured" not in capsys.readouterr().err
    assert {row[1] for row in rows_of("codes.csv")[1]} == {"train"}
    assert "no image of seen.npz is in it" in fails(
        "encode", supervised, "seen.npz", "--split", "test", "--out", "none.csv"
    )
    assert not Path("none.csv").exists()


def test_a_data_set_of_another_size_is_resized_as_files_are_and_told(notes, supervised):
    np.savez("large.npz", images=np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8))
    said = notes("encode", supervised, "large.npz", "--out", "codes.csv")
    assert "the images of large.npz were made 8 x 8, grey, as the model takes them" in said
    assert len(rows_of("codes.csv")[1]) == 5


def test_a_split_is_that_of_the_training(does, supervised):
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.csv")
    _, rows = rows_of("codes.csv")
    assert [int(row[0]) for row in rows] == Run.open(supervised).dataset().splits["test"].tolist()
    assert {row[1] for row in rows} == {"test"}


def test_npz_holds_arrays(does, supervised):
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.npz")
    with np.load("codes.npz") as arrays:
        model = load_model(supervised)
        dataset = Run.open(supervised).dataset()
        rows = dataset.splits["test"]
        np.testing.assert_array_equal(arrays["row"], rows)
        expected = model.encode(dataset.images.take(rows))
        np.testing.assert_allclose(arrays["codes"], expected, rtol=1e-3, atol=1e-6)
        assert arrays["latents"].tolist() == [each.label for each in model.latents]
        assert arrays["digit (true)"].tolist() == dataset.attributes.column("digit")[rows].tolist()
        assert arrays["digit (true)"].dtype == arrays["digit"].dtype


def test_parquet_holds_columns(does, supervised):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.parquet")
    table = parquet.read_table("codes.parquet")
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.csv")
    header, rows = rows_of("codes.csv")
    assert table.column_names == header
    assert [str(each) for each in table.column("row").to_pylist()] == [row[0] for row in rows]


def test_parquet_without_its_package_is_one_line(fails, supervised, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = fails("encode", supervised, images / "a.png", "--out", "codes.parquet")
    assert "needs pyarrow" in said
    assert not Path("codes.parquet").exists()


def test_labels_of_a_table_may_have_any_name(does, vae):
    names = ("file", "row", "codes", "latents", "z0", "self", "[bold]", "a,b")
    found = load("digits", count=40)
    labels = {name: np.arange(40) % 3 for name in names}
    with Path("mine.npz").open("wb") as file:
        images = found.images.take(slice(None))
        np.savez(file, images=images, **{name: each for name, each in labels.items() if name != "file"})
    does("encode", vae, "mine.npz", "--out", "codes.csv")
    header, rows = rows_of("codes.csv")
    assert len(set(header)) == len(header)
    for name in set(names) - {"file"}:
        column = [row[header.index(f"{name} (true)")] for row in rows]
        assert column == [str(each % 3) for each in range(40)]
    does("encode", vae, "mine.npz", "--out", "codes.npz")
    with np.load("codes.npz") as arrays:
        assert arrays["codes"].shape == (40, 10)
        assert arrays["codes (true)"].tolist() == [each % 3 for each in range(40)]


def test_a_latent_is_told_from_the_attribute_it_is_named_after(does, tiny, images):
    words = ("--set", "latent=[{argmax: {}}]", "--set", "loss=[supervise]", "--out", "one")
    does("train", "supervised", *tiny, "--steps", "2", *words)
    does("encode", "one", images / "a.png", "--out", "codes.csv")
    assert rows_of("codes.csv")[0] == ["file", "digit (code)", "digit"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("missing.png",), "missing.png"),
        (("empty",), "no images in this folder"),
        (("IMAGES", "broken.png"), "broken.png"),
        (("IMAGES", "--out", "new.xlsx"), "ends in .csv or .npz or .parquet"),
        (("digits", "--split", "tset"), "did you mean 'test'"),
        (("IMAGES/a.png", "--split", "test"), "a single image"),
        (("minst",), "did you mean 'mnist'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(fails, supervised, images, words, said):
    Path("broken.png").write_bytes((images / "a.png").read_bytes()[:60])
    Path("empty").mkdir()
    given = [word.replace("IMAGES", str(images)) for word in words]
    assert said in fails("encode", supervised, *given, *(() if "--out" in words else ("--out", "new.csv")))
    assert not list(Path().glob("new.*")) + list(Path().glob(".new.*"))


def test_what_is_encoded_can_be_scored(does, fails, supervised):
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.npz")
    told = does("score", "codes.npz", "codes.npz", "--metrics", "mig")
    assert "digit:" in told or "digit (" in told
    assert "factors are the labels that 'distaff encode' calls '(true)'" in told
    does("encode", supervised, "digits", "--split", "test", "--out", "codes.csv")
    assert does("score", "codes.npz", "codes.csv", "--metrics", "mig").count("mig") == told.count("mig")
    assert "'distaff encode' writes codes alone to a .npz" in fails("score", "codes.csv", "codes.csv")
    np.savez("two.npz", a=np.eye(3), b=np.eye(3))
    assert "no array is called codes; there is: a, b" in fails("score", "two.npz", "codes.csv")
