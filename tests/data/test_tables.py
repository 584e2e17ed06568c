"""Tables of labels as people and programs write them, and folders as they come out of archives."""

import json
import shutil
import unicodedata

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from distaff.data import Attribute, list_images, load
from distaff.errors import InputError
from distaff.training import train

NAMES = [f"{index}.png" for index in range(20)]
SPECIES = ["ab"[index % 2] for index in range(20)]


def image(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    suffix = path.suffix.lower()
    Image.fromarray(pixels).save(path, format=None if suffix in Image.registered_extensions() else "JPEG")


@pytest.fixture
def root(tmp_path):
    for index, name in enumerate(NAMES):
        image(tmp_path / "set" / name, index)
    return tmp_path / "set"


def labels_of(dataset, name="species"):
    """The label of each image by its name."""
    attribute = dataset.attributes.get(name)
    values = dataset.attributes.column(name)
    return {
        each: None if np.isnan(value) else attribute.label(value)
        for each, value in zip(dataset.names, values, strict=True)
    }


EXPECTED = dict(zip(NAMES, SPECIES, strict=True))
ROWS = list(zip(NAMES, SPECIES, strict=True))


def csv(rows, delimiter=",", end="\n", header=("file_name", "species")):
    return end.join([delimiter.join(header), *(delimiter.join(row) for row in rows)]) + end


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.csv", csv(ROWS)),
        ("Metadata.CSV", csv(ROWS)),
        ("METADATA.csv", csv(ROWS, end="\r\n")),
        ("metadata.tsv", csv(ROWS, "\t")),
        ("metadata.jsonl", "\n".join(json.dumps({"file_name": a, "species": b}) for a, b in ROWS)),
        ("labels.csv", csv(ROWS)),
        ("labels.tsv", csv(ROWS, "\t")),
        ("labels.tsv", csv(ROWS)),
        ("list_attr_birds.csv", csv(ROWS, header=("image_id", "species"))),
        ("birds.csv", csv(ROWS, header=("picture", "species"))),
        ("metadata.csv", csv(ROWS, ";")),
        ("metadata.csv", csv(ROWS, "|")),
        ("metadata.csv", csv(ROWS, "\t")),
        ("metadata.csv", "sep=,\r\n" + csv(ROWS, end="\r\n")),
        ("metadata.csv", "sep=;\n" + csv(ROWS, ";")),
        ("metadata.csv", csv(ROWS).encode("utf-16")),
        ("metadata.csv", csv(ROWS).encode("utf-8-sig")),
        ("metadata.csv", csv(ROWS) + "\n\n,\n"),
        ("metadata.csv", csv([(f"images\\..\\{a}", b) for a, b in ROWS])),
        ("metadata.csv", csv([(a.replace("png", "PNG"), b) for a, b in ROWS])),
        ("metadata.csv", csv([(a[:-4], b) for a, b in ROWS])),
        ("metadata.csv", csv([(f" ./{a} ", f" {b} ") for a, b in ROWS])),
        ("metadata.csv", csv(ROWS, header=("Filename", "species"))),
        ("metadata.csv", csv([(b, a) for a, b in ROWS], header=("species", "path"))),
    ],
)
def test_a_table_is_read_however_it_is_written(root, name, content):
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    dataset = load(str(root))
    assert labels_of(dataset) == EXPECTED
    assert dataset.attributes.names == ("species",)
    assert dataset.left_out == ()


def test_absolute_paths_and_accents_of_another_system_are_found(tmp_path):
    for index in range(6):
        image(tmp_path / "set" / unicodedata.normalize("NFD", f"möwe{index}.png"), index)
    rows = [(unicodedata.normalize("NFC", f"möwe{index}.png"), "ab"[index % 2]) for index in range(6)]
    (tmp_path / "set" / "metadata.csv").write_text(csv(rows), encoding="utf-8")
    assert sorted(labels_of(load(str(tmp_path / "set"))).values()) == list("aaabbb")
    rows = [
        (str(path.resolve()), "ab"[index % 2]) for index, path in enumerate((tmp_path / "set").glob("*.png"))
    ]
    (tmp_path / "set" / "metadata.csv").write_text(csv(rows), encoding="utf-8")
    assert sorted(labels_of(load(str(tmp_path / "set"))).values()) == list("aaabbb")


@pytest.mark.parametrize(
    "elsewhere", ["/home/somebody/set/", "C:\\data\\set\\", "D:/set/", "//server/images/set/"]
)
def test_absolute_paths_of_another_machine_are_found_by_their_end(tmp_path, elsewhere):
    for index in range(6):
        image(tmp_path / "set" / f"{index}.png", index)
    rows = [(f"{elsewhere}{index}.png", "ab"[index % 2]) for index in range(6)]
    (tmp_path / "set" / "labels.csv").write_text(csv(rows), encoding="utf-8")
    assert sorted(labels_of(load(str(tmp_path / "set"))).values()) == list("aaabbb")


def test_classes_that_differ_only_in_case_or_spaces_are_told(root):
    rows = [(name, ("Yes", "yes", "no", "A_1", "A 1")[index % 5]) for index, name in enumerate(NAMES)]
    (root / "labels.csv").write_text(csv(rows), encoding="utf-8")
    told = [note for note in load(str(root)).notes if "different classes" in note]
    assert [note.partition(" are ")[0] for note in told] == [
        "species: 'A 1' and 'A_1'",
        "species: 'Yes' and 'yes'",
    ]


@pytest.mark.parametrize("recipe", ["supervised", "class-separated", "conditional-vae"])
@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("labels.csv", "file,k\n0.png,a\n1.png,b\n0.png,b\n", "left out the table labels.csv: rows 2 and 4"),
        ("labels.csv", "0.png,a\n1.png,b\n", "left out the table labels.csv: its first line must name"),
        ("labels.xlsx", "", "left out the file labels.xlsx"),
    ],
)
def test_labels_that_a_recipe_needs_and_that_were_left_out_are_named(tmp_path, recipe, name, text, why):
    for index in range(6):
        image(tmp_path / "set" / f"{index}.png", index)
    (tmp_path / "set" / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        train(recipe, data=tmp_path / "set", steps=1, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_images_in_folders_are_found_by_their_name_alone(root):
    for part in ("part_1", "part_2"):
        (root / part).mkdir()
    for index, name in enumerate(NAMES):
        shutil.move(root / name, root / f"part_{index % 2 + 1}" / name)
    (root / "HAM_metadata.csv").write_text(csv([(a[:-4], b) for a, b in ROWS], header=("image_id", "dx")))
    dataset = load(str(root))
    assert {name.partition("/")[2]: label for name, label in labels_of(dataset, "dx").items()} == EXPECTED
    (left,) = dataset.left_out
    assert (left.kind, left.names) == ("folder", ("part_1", "part_2"))


def test_a_name_that_two_images_have_is_refused(root):
    image(root / "one" / "x.png", 1)
    image(root / "two" / "x.png", 2)
    (root / "metadata.csv").write_text(csv([*ROWS, ("x.png", "a")]))
    with pytest.raises(
        InputError, match=r"row 22: 'x\.png' may be one/x\.png or two/x\.png; write the whole path"
    ):
        load(str(root))


def test_images_and_rows_without_each_other_are_named(root):
    (root / "metadata.csv").write_text(csv([*ROWS[:12], ("gone.png", "a")]))
    with pytest.raises(InputError, match=r"metadata\.csv: row 14: no image 'gone\.png'"):
        load(str(root))
    dataset = load(str(root), skip_bad=True)
    assert labels_of(dataset) == dict(ROWS[:12])
    assert [(left.kind, left.count) for left in dataset.left_out] == [("row", 1), ("image", 8)]
    assert "12.png, 13.png, 14.png, 15.png, 16.png, ..." in dataset.notes[-1]
    assert "gone.png" in dataset.notes[-2]


def test_every_column_file_and_table_that_is_left_out_is_named(root):
    rows = [(a, b, "same", f"note of {a}", "") for a, b in ROWS]
    header = ("file_name", "species", "site", "", "empty")
    (root / "metadata.csv").write_text(csv(rows, header=header))
    (root / "labels.csv").write_text(csv(ROWS))
    (root / "scan.heic").write_bytes(b"x")
    (root / "README.md").write_text("x")
    (root / "nothing").mkdir()
    dataset = load(str(root))
    assert dataset.attributes.names == ("species",)
    left = {(each.kind, each.names): each.reason for each in dataset.left_out}
    assert set(left) == {
        ("column", ("site",)),
        ("column", ("empty",)),
        ("column", ("number 4",)),
        ("table", ("labels.csv",)),
        ("file", ("README.md", "scan.heic")),
        ("folder", ("nothing",)),
    }
    assert dataset.why_left_out("site") == "every label is 'same'"
    assert dataset.why_left_out("empty") == "every cell is empty"
    assert dataset.notes == tuple(map(str, dataset.left_out))
    with pytest.raises(InputError, match="column 'site': every label is 'same'"):
        load(str(root), attributes=("site",))


def test_tables_that_name_the_same_images_are_joined(root):
    (root / "list_attr.csv").write_text(
        csv([(a, "1" if b == "a" else "-1") for a, b in ROWS], header=("image_id", "Male"))
    )
    box = [(a, str(index / 8), "q") for index, (a, _) in enumerate(ROWS)]
    (root / "list_bbox.csv").write_text(csv(box, header=("image_id", "x_1", "Male")))
    (root / "list_eval_partition.csv").write_text(
        csv([(a, str(index // 8)) for index, a in enumerate(NAMES)], header=("image_id", "partition"))
    )
    (root / "predictions.csv").write_text("model,score\na,1\n")
    dataset = load(str(root))
    assert [(each.name, each.kind) for each in dataset.attributes.attributes] == [
        ("Male", "categorical"),
        ("x_1", "continuous"),
    ]
    assert dataset.attributes.get("Male").values == (-1, 1)
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 8, "valid": 8, "test": 4}
    assert dataset.published == {"train", "valid", "test"}
    assert {(left.kind, left.names) for left in dataset.left_out} == {
        ("column", ("Male",)),
        ("table", ("predictions.csv",)),
    }


@pytest.mark.parametrize("column", ["split", "Set", "subset", "fold"])
def test_a_column_of_the_split_is_the_split(root, column):
    parts = ["train"] * 12 + ["val"] * 3 + ["TEST"] * 5
    rows = [(a, b, part) for (a, b), part in zip(ROWS, parts, strict=True)]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", "species", column)))
    dataset = load(str(root))
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 12, "valid": 3, "test": 5}
    assert dataset.attributes.names == ("species",)
    assert f"the column {column!r} is the split" in dataset.notes
    rows = [(a, b, part) for (a, b), part in zip(ROWS, ["red", "blue"] * 10, strict=True)]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", "species", column)))
    assert load(str(root)).attributes.names == ("species", column)


def test_tables_called_train_and_test_are_the_split(root):
    (root / "train.csv").write_text(csv(ROWS[:14]))
    (root / "test.csv").write_text(csv(ROWS[14:]))
    dataset = load(str(root))
    assert len(dataset.splits["test"]) == 6
    assert labels_of(dataset) == EXPECTED


@pytest.mark.parametrize("column", ["Usage", "phase", "dataset", "Data Split"])
def test_a_column_of_nothing_but_parts_is_the_split_whatever_its_name(root, column):
    rows = [(a, b, "test" if int(a[:-4]) >= 15 else "Train") for a, b in ROWS]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", "species", column)))
    dataset = load(str(root))
    assert [dataset.names[row] for row in dataset.splits["test"]] == NAMES[15:]
    assert dataset.attributes.names == ("species",)


def test_a_split_of_unknown_parts_is_told(root):
    rows = [(a, b, "holdout" if int(a[:-4]) >= 15 else "train") for a, b in ROWS]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", "species", "split")))
    dataset = load(str(root))
    assert dataset.attributes.names == ("species", "split")
    assert any("split: read as labels and no split, since 'holdout'" in note for note in dataset.notes)


@pytest.mark.parametrize("written", ["{:05}", "{}", "{}.0", "{:03}"])
@pytest.mark.parametrize("name", ["id", "Image Index", "ImageID", "img-id"])
def test_numbers_name_files_whatever_their_zeros(tmp_path, written, name):
    for index in range(12):
        image(tmp_path / f"{index:04}.png", index)
    rows = [(written.format(index), "ab"[index % 2]) for index in range(12)]
    (tmp_path / "labels.csv").write_text(csv(rows, header=(name, "species")))
    dataset = load(str(tmp_path))
    assert labels_of(dataset) == {f"{index:04}.png": "ab"[index % 2] for index in range(12)}
    assert any("'1" in note or "'0" in note for note in dataset.notes)


def test_a_number_names_the_file_that_is_called_so_first(tmp_path):
    for index, name in enumerate(("1", "01", "001", "2")):
        image(tmp_path / f"{name}.png", index)
    rows = [("1", "a"), ("01", "b"), ("001", "c"), ("2", "d")]
    (tmp_path / "labels.csv").write_text(csv(rows, header=("id", "species")))
    assert labels_of(load(str(tmp_path))) == {f"{name}.png": value for name, value in rows}


def test_quotes_behind_a_space_are_no_part_of_a_label(root):
    lines = ["file_name, species", *(f'{a}, "{b}"' for a, b in ROWS)]
    (root / "metadata.csv").write_text("\n".join(lines))
    assert labels_of(load(str(root))) == EXPECTED


def test_rows_without_an_image_are_named_and_left_out_only_if_asked(root):
    (root / "metadata.csv").write_text(csv([*ROWS, ("", "a")]))
    with pytest.raises(InputError, match="row 22 names no image in the column 'file_name'; fill the cell"):
        load(str(root))
    dataset = load(str(root), skip_bad=True)
    assert labels_of(dataset) == EXPECTED
    assert "left out the row 22: metadata.csv names no image there" in dataset.notes


def test_columns_that_name_other_files_are_no_labels(root):
    rows = [(a, f"masks/{a}", b) for a, b in ROWS]
    (root / "metadata.csv").write_text(csv(rows, header=("image", "mask", "species")))
    dataset = load(str(root))
    assert dataset.attributes.names == ("species",)
    assert "name image files" in (dataset.why_left_out("mask") or "")


@pytest.mark.parametrize(
    "folders", ["{}", "{}_images", "images-{}", "seg_{0}/seg_{0}", "{0}/{0}", "images/{}", "set/{}2/{}2"]
)
@pytest.mark.parametrize("labelled_by", ["folders", "tables"])
def test_folders_called_after_parts_are_the_split(tmp_path, folders, labelled_by):
    for part, n in (("train", 8), ("test", 4)):
        inside = tmp_path / folders.format(part, part)
        kinds = ["ab"[index % 2] for index in range(n)]
        for index, kind in enumerate(kinds):
            image(
                inside / (kind if labelled_by == "folders" else "") / f"{index}.png",
                100 * len(part) + index,
            )
        if labelled_by == "tables":
            # Each number is an image of both parts.
            rows = [(str(index), kind) for index, kind in enumerate(kinds)]
            (tmp_path / f"{part}.csv").write_text(csv(rows, header=("id", "label")))
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == ("a", "b")
    assert [int(value) for value in dataset.attributes.column("label")].count(1) == 6
    assert len(dataset.splits["test"]) == 4
    assert all("test" in dataset.names[row] for row in dataset.splits["test"])


def test_a_part_may_be_called_less_plainly_than_another(tmp_path):
    for part, n in (("train", 8), ("test1", 4)):
        for index in range(n):
            image(tmp_path / part / f"{'cd'[index % 2]}.{index}.png", 100 * n + index)
    dataset = load(str(tmp_path))
    assert len(dataset.images) == 12
    assert len(dataset.splits["test"]) == 4


def test_a_table_whose_cells_name_several_images_each_says_so(tmp_path):
    for index in range(6):
        image(tmp_path / f"{index}.png", index)
        image(tmp_path / f"{index}.jpg", 10 + index)
    (tmp_path / "labels.csv").write_text(csv([(str(index), "a") for index in range(6)], header=("id", "k")))
    (left,) = load(str(tmp_path)).left_out
    assert left.names == ("labels.csv",)
    assert left.reason == "'0' may be 0.jpg or 0.png; write the whole path"


def test_a_class_that_is_called_train_is_no_part(tmp_path):
    for kind in ("bus", "car", "train"):
        for index in range(4):
            image(tmp_path / kind / f"{index}.png", 10 * len(kind) + index + ord(kind[0]))
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == ("bus", "car", "train")
    assert len(dataset.images) == 12


def test_a_part_without_images_hides_no_others(tmp_path):
    for index in range(8):
        image(tmp_path / "train_images" / f"{index}-1.png", index)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "train.csv").write_text("PetID,Age\n1,2\n")
    dataset = load(str(tmp_path))
    assert len(dataset.images) == 8
    assert ("table", ("train/train.csv",)) in {(left.kind, left.names) for left in dataset.left_out}


def test_the_labels_of_a_submission_are_no_truth(root):
    (root / "train.csv").write_text(csv(ROWS[:14]))
    (root / "sample_submission.csv").write_text(csv([(a, "a") for a, _ in ROWS[14:]]))
    dataset = load(str(root))
    assert len(dataset.images) == 14
    assert ("table", ("sample_submission.csv",)) in {(left.kind, left.names) for left in dataset.left_out}


@pytest.mark.parametrize("mask", ["x{}_mask", "x{}-Mask", "x{}_mask_1", "x{}_segmentation", "../masks/x{}"])
def test_masks_are_no_images_and_named(tmp_path, mask):
    for index in range(6):
        image(tmp_path / "images" / f"x{index}.png", index)
        image(tmp_path / "images" / f"{mask.format(index)}.png", 100 + index)
    dataset = load(str(tmp_path))
    assert sorted(dataset.names) == [f"images/x{index}.png" for index in range(6)]
    (left,) = (left for left in dataset.left_out if left.kind == "image")
    assert left.count == 6
    assert "a mask of another image" in left.reason


def test_a_class_that_is_called_mask_is_a_class(tmp_path):
    for kind in ("mask", "no_mask"):
        for index in range(6):
            image(tmp_path / kind / f"{index}.png", 10 * len(kind) + index)
    assert load(str(tmp_path)).attributes.get("label").values == ("mask", "no_mask")
    assert len(load(str(tmp_path)).images) == 12


def test_masks_alone_are_images(tmp_path):
    for index in range(6):
        image(tmp_path / "masks" / f"x{index}_mask.png", index)
    assert len(load(str(tmp_path)).images) == 6


def test_files_beside_a_folder_that_is_entered_are_named(tmp_path):
    for index in range(6):
        image(tmp_path / "birds" / "ab"[index % 2] / f"{index}.png", index)
    (tmp_path / "labels.json").write_text("{}")
    dataset = load(str(tmp_path))
    assert ("file", ("labels.json",)) in {(left.kind, left.names) for left in dataset.left_out}
    assert any(
        "birds, which holds everything in" in note and "but what is left out" in note
        for note in dataset.notes
    )


def test_a_folder_of_arrays_alone_says_how_they_are_read(tmp_path):
    np.save(tmp_path / "cells.npy", np.zeros((4, 8, 8)))
    with pytest.raises(InputError, match=r"no images in this folder; .*; cells\.npy is read by its own path"):
        load(str(tmp_path))


def test_a_table_is_a_source_of_its_own(root):
    (root / "one.csv").write_text(csv(ROWS[:10]))
    (root / "two.tsv").write_text(csv(ROWS, "\t", header=("name", "kind")))
    assert labels_of(load(str(root / "one.csv"))) == dict(ROWS[:10])
    assert labels_of(load(str(root / "two.tsv")), "kind") == EXPECTED
    assert labels_of(load(f"table:{root / 'one.csv'}")) == dict(ROWS[:10])
    (root / "three.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"three\.csv: no column file_name"):
        load(str(root / "three.csv"))


@pytest.mark.parametrize(
    "header",
    [
        ["label", *(f"pixel{k}" for k in range(64))],
        [*(f"pixel{k:04}" for k in range(64)), "label"],
        ["label", *(f"{k}x{j}" for k in range(1, 9) for j in range(1, 9))],
        ["emotion", "pixels", "Usage"],
    ],
)
def test_tables_of_pixels_say_how_they_are_read(tmp_path, header):
    (tmp_path / "train.csv").write_text("\n".join([",".join(header), *[",".join("1" for _ in header)] * 4]))
    with pytest.raises(
        InputError, match=r"train\.csv: holds pixels in .*; save them with numpy\.savez"
    ) as caught:
        load(str(tmp_path / "train.csv"))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("suffix", ["jfif", "JPG", "jpe", "bmp", "webp", "tif", "ppm", "tga"])
def test_images_of_every_common_suffix_are_read(tmp_path, suffix):
    for index in range(4):
        image(tmp_path / "a" / f"{index}.{suffix}", index)
        image(tmp_path / "b" / f"{index}.png", index + 10)
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == ("a", "b")
    assert len(dataset.images) == 8


def test_a_folder_too_many_is_entered_and_said(tmp_path):
    for depth in ("", "birds", "birds/birds"):
        root = tmp_path / f"depth {len(depth)}"
        for part, n in (("train", 8), ("test", 4)):
            for index in range(n):
                image(root / depth / part / "ab"[index % 2] / f"{index}.png", 100 * n + index)
        (root / "__MACOSX" / "birds").mkdir(parents=True)
        dataset = load(str(root))
        assert dataset.attributes.get("label").values == ("a", "b")
        assert len(dataset.splits["test"]) == 4
        assert sum("which holds everything in" in note for note in dataset.notes) == bool(depth)
        assert len(list_images(root)) == 12


@pytest.mark.parametrize("classes", [["r270"], ["images"], ["0"]])
def test_a_single_class_keeps_its_label(tmp_path, classes):
    for index in range(6):
        image(tmp_path / classes[0] / f"{index}.png", index)
    dataset = load(str(tmp_path))
    (value,) = dataset.attributes.get("label").values
    assert str(value) == classes[0]
    assert (dataset.attributes.column("label") == 0).all()
    assert f"label: {value!r} is the only class" in dataset.notes


def test_classes_of_one_image_and_many_classes_keep_their_labels(tmp_path):
    for index in range(310):
        image(tmp_path / str(index) / "one.png", index)
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == tuple(range(310))
    assert dataset.attributes.get("label").kind == "categorical"
    assert labels_of(dataset, "label") == {f"{index}/one.png": index for index in range(310)}


def test_links_are_listed_as_training_lists_them(tmp_path):
    for index in range(5):
        image(tmp_path / "store" / f"{index}.png", index)
        image(tmp_path / "set" / "real" / f"{index}.png", index + 10)
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "store")
    assert len(list_images(tmp_path / "set")) == len(load(str(tmp_path / "set")).images) == 10
    (tmp_path / "set" / "again").symlink_to(tmp_path / "store")
    dataset = load(str(tmp_path / "set"))
    assert len(dataset.images) == 10
    (left,) = dataset.left_out
    assert (left.kind, left.count, left.reason) == ("folder", 1, "a link to a folder that is listed already")


def test_data_for_a_model_are_read_as_the_models_attributes(root):
    rows = [(a, "a", str(index % 4)) for index, a in enumerate(NAMES)]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", "species", "age")))
    plain = load(str(root))
    assert plain.attributes.names == ("age",)
    model = (
        Attribute(name="species", kind="categorical", values=("a", "b")),
        Attribute(name="age", kind="continuous"),
        Attribute(name="elsewhere", kind="ordinal", values=(1, 2)),
    )
    dataset = load(str(root), like=model)
    assert [(each.name, each.kind) for each in dataset.attributes.attributes] == [
        ("species", "categorical"),
        ("age", "continuous"),
    ]
    assert set(labels_of(dataset).values()) == {"a"}
    assert "species: 'a' is the only class" in dataset.notes
    with pytest.raises(
        InputError, match="column 'species' is not continuous, since the cell 'a' is no number"
    ):
        load(str(root), like=[Attribute(name="species", kind="continuous")])


def test_one_image_is_enough_where_nothing_is_set_apart(tmp_path):
    image(tmp_path / "one" / "a.png", 0)
    dataset = load(str(tmp_path / "one"), valid=0, test=0)
    assert [len(rows) for rows in dataset.splits.values()] == [1, 0, 0]
    with pytest.raises(InputError, match="1 images; it takes at least 3 to train"):
        load(str(tmp_path / "one"))


def test_names_that_are_hard_to_print_keep_notes_in_one_line(root):
    header = ('"two\nlines"', "[/red]", "$x$", "日本 🐦", "seed", "n", "self")
    rows = [(a, b, *("NA" if index % 5 == 0 else b for _ in header[1:])) for index, (a, b) in enumerate(ROWS)]
    (root / "metadata.csv").write_text(csv(rows, header=("file_name", *header)), encoding="utf-8")
    dataset = load(str(root))
    assert dataset.attributes.names == ("two\nlines", *header[1:])
    assert all(len(note.splitlines()) == 1 for note in dataset.notes)


def test_deeper_folders_are_named(tmp_path):
    for index in range(8):
        image(tmp_path / "cat" / ("in", "out")[index % 2] / f"{index}.png", index)
        image(tmp_path / "dog" / f"{index}.png", index + 10)
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == ("cat", "dog")
    (left,) = dataset.left_out
    assert left.names == ("cat/in", "cat/out")


CELEBA = [
    "image_id,Smiling,Male,Young",
    *(f"{i:06}.jpg,{(-1, 1)[i % 2]},{(-1, 1)[i % 3 > 0]},1" for i in range(1, 25)),
]
HAM = [
    "lesion_id,image_id,dx,dx_type,age,sex,localization",
    *(
        f"HAM_{i // 2:07},ISIC_{i:07},{('nv', 'mel', 'bkl')[i % 3]},histo,"
        f"{'' if i == 7 else 40.0 + 5 * (i % 4)},"
        f"{('male', 'female', 'unknown')[i % 3]},{('back', 'face')[i % 2]}"
        for i in range(1, 25)
    ),
]
BIDS = [
    "participant_id\tage\tsex\tgroup\thandedness",
    *(
        f"sub-{i:02}\t{'n/a' if i % 6 == 0 else 20 + i / 4}\t{'FM'[i % 2]}\t{('control', 'patient')[i % 2]}\t"
        f"{'n/a' if i % 4 == 0 else 'right' if i % 3 else 'left'}"
        for i in range(1, 25)
    ),
]


def test_a_table_in_the_style_of_kaggles_celeba(tmp_path):
    for index in range(1, 25):
        image(tmp_path / "img_align_celeba" / "img_align_celeba" / f"{index:06}.jpg", index)
    (tmp_path / "list_attr_celeba.csv").write_text("\n".join(CELEBA))
    dataset = load(str(tmp_path))
    assert [(each.name, each.values) for each in dataset.attributes.attributes] == [
        ("Smiling", (-1, 1)),
        ("Male", (-1, 1)),
    ]
    assert dataset.attributes.column("Smiling").tolist() == [i % 2 for i in range(1, 25)]
    assert dataset.why_left_out("Young") == "every label is '1'"


def test_a_table_in_the_style_of_ham10000(tmp_path):
    for index in range(1, 25):
        image(tmp_path / f"HAM10000_images_part_{index // 13 + 1}" / f"ISIC_{index:07}.jpg", index)
    (tmp_path / "HAM10000_metadata.csv").write_text("\n".join(HAM))
    dataset = load(str(tmp_path))
    kinds = {each.name: (each.kind, each.size) for each in dataset.attributes.attributes}
    assert kinds["dx"] == ("categorical", 3)
    assert kinds["age"] == ("ordinal", 4)
    assert kinds["sex"] == ("categorical", 3)
    assert load(str(tmp_path), kinds={"age": "continuous"}).attributes.get("age").kind == "continuous"
    assert np.flatnonzero(np.isnan(dataset.attributes.column("age"))).tolist() == [6]
    assert dataset.why_left_out("dx_type") == "every label is 'histo'"


def test_a_table_in_the_style_of_bids(tmp_path):
    for index in range(1, 25):
        image(tmp_path / f"sub-{index:02}" / "anat" / f"sub-{index:02}.png", index)
    (tmp_path / "participants.tsv").write_text("\n".join(BIDS))
    dataset = load(str(tmp_path))
    kinds = {each.name: (each.kind, each.values) for each in dataset.attributes.attributes}
    assert kinds["age"] == ("continuous", ())
    assert kinds["sex"] == ("categorical", ("F", "M"))
    assert kinds["handedness"] == ("categorical", ("left", "right"))
    assert "age: read as missing labels: 'n/a' (4)" in dataset.notes
    assert "handedness: read as missing labels: 'n/a' (6)" in dataset.notes


def test_folders_in_the_style_of_imagenet(tmp_path):
    for part, n in (("train", 4), ("val", 2)):
        for number in range(30):
            for index in range(n):
                image(
                    tmp_path / "imagenet" / part / str(number) / f"{index}.JPEG",
                    1000 * number + 10 * n + index,
                )
    dataset = load(str(tmp_path))
    assert dataset.attributes.get("label").values == tuple(range(30))
    assert dataset.attributes.get("label").kind == "categorical"
    assert len(dataset.splits["valid"]) == 60


CELL = st.one_of(
    st.sampled_from(
        [
            "",
            "NA",
            "n/a",
            "-1",
            "0",
            "1",
            "2",
            "0,5",
            "1.5",
            "red",
            "blue",
            "None",
            "inf",
            "1e3",
            "[x]",
            "$a$",
        ]
    ),
    st.integers(-3, 60).map(str),
    st.floats(-9, 9, width=16).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
)
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAME, min_size=1, max_size=6), st.data())
def test_any_table_loads_or_is_refused_in_a_line_and_nothing_is_lost_unnamed(root, names, data):
    n = len(NAMES)
    table = [data.draw(st.lists(CELL, min_size=n, max_size=n)) for _ in names]
    lines = [",".join(map(quoted, ["file_name", *names]))]
    lines += [",".join(map(quoted, [NAMES[row], *(column[row] for column in table)])) for row in range(n)]
    (root / "metadata.csv").write_bytes("\r\n".join(lines).encode())
    try:
        dataset = load(str(root))
    except InputError as error:
        refused = str(error)
    else:
        refused = None
    if refused is not None:
        assert len(refused.splitlines()) == 1
        assert "metadata.csv" in refused or "column" in refused
        return
    assert sorted(dataset.names) == sorted(NAMES)
    left = {name for each in dataset.left_out if each.kind == "column" for name in each.names}
    for place, (written, column) in enumerate(zip(names, table, strict=True), start=2):
        name = written.strip()
        if name in dataset.attributes.names:
            found = labels_of(dataset, name)
            for file, cell in zip(NAMES, column, strict=True):
                said = found[file]
                if said is None:
                    assert cell.strip() == "" or any(f"{cell.strip()!r}" in note for note in dataset.notes)
                elif isinstance(said, str):
                    assert said == cell.strip()
                else:
                    number = float(cell.strip().replace(",", "."))
                    assert said == pytest.approx(number, rel=1e-6, abs=1e-6)
        else:
            assert (
                name in left
                or (not name and f"number {place}" in left)
                or name.lower() in {"split", "set", "fold"}
            )


def test_a_table_with_many_rows_an_image_is_left_out_unless_it_is_the_metadata(root):
    (root / "boxes.csv").write_text(csv([*ROWS, *ROWS[:3]]))
    (root / "labels.csv").write_text(csv(ROWS))
    dataset = load(str(root))
    assert labels_of(dataset) == EXPECTED
    (left,) = dataset.left_out
    assert left.names == ("boxes.csv",)
    assert "rows 2 and 22 are both about '0.png'" in left.reason
    (root / "boxes.csv").rename(root / "metadata.csv")
    with pytest.raises(InputError, match=r"rows 2 and 22 are both about '0\.png'; keep one"):
        load(str(root))


def test_folders_without_end_are_refused(tmp_path):
    place = tmp_path
    for _ in range(110):
        place /= "a"
    image(place / "x.png", 0)
    with pytest.raises(InputError, match="more than 100 folders deep"):
        load(str(tmp_path / "a"))
