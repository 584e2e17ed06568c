import json
import os
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image

import distaff
from distaff.data import _folder, load, read_images
from distaff.errors import InputError


def image(path, seed=0, size=(16, 12), colour=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if colour else size
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def classes(tmp_path):
    """Ten images in each of two subfolders, and some clutter."""
    root = tmp_path / "images"
    for name in ("cat", "dog"):
        for index in range(10):
            image(root / name / f"{index}.png", seed=index + 100 * (name == "dog"))
    (root / "notes.txt").write_text("clutter")
    image(root / ".hidden" / "a.png")
    image(root / "cat" / "._0.png")
    return root


@pytest.fixture
def metadata(tmp_path):
    """Six images and a metadata.csv; returns a function that writes other lines into it."""
    root = tmp_path / "images"
    for index in range(6):
        image(root / f"{index}.png", seed=index)

    def write(*lines, encoding="utf-8"):
        (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
        return str(root)

    return write


def test_subfolders_are_labels(classes):
    dataset = load(str(classes))
    assert dataset.images.shape == (20, 1, 16, 12)
    assert dataset.attributes.get("label").values == ("cat", "dog")
    assert dataset.attributes.column("label").tolist() == [0] * 10 + [1] * 10
    np.testing.assert_array_equal(
        dataset.images.take(slice(0, 1)), read_images([classes / "cat/0.png"], (1, 16, 12))
    )
    assert isinstance(dataset.images.array, np.memmap)
    assert [(left.kind, left.names, left.count) for left in dataset.left_out] == [
        ("file", ("notes.txt",), 1),
        ("file", (".hidden", "cat/._0.png"), 2),
    ]
    assert dataset.notes == tuple(map(str, dataset.left_out))
    assert dataset.names == tuple(f"{name}/{index}.png" for name in ("cat", "dog") for index in range(10))


def test_images_are_decoded_once(classes, monkeypatch):
    first = load(str(classes)).images.take(slice(None))
    decode = _folder.decode
    monkeypatch.setattr(_folder, "decode", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(load(str(classes)).images.take(slice(None)), first)
    monkeypatch.setattr(_folder, "decode", decode)
    image(classes / "cat" / "0.png", seed=77)
    os.utime(classes / "cat" / "0.png", ns=(1, 1))
    assert (load(str(classes)).images.take(slice(0, 1)) != first[:1]).any()
    assert load(str(classes), image_size=8).images.shape == (20, 1, 8, 8)
    assert load(str(classes), count=5).images.shape == (5, 1, 16, 12)


def test_one_colour_image_makes_all_colour(classes):
    image(classes / "dog" / "new.png", colour=True)
    assert load(str(classes)).images.shape == (21, 3, 16, 12)
    assert load(str(classes), channels=1).images.shape == (21, 1, 16, 12)


def test_images_that_differ_in_size_are_made_64(classes):
    image(classes / "dog" / "new.png", size=(30, 50))
    dataset = load(str(classes))
    assert dataset.images.shape == (21, 1, 64, 64)
    assert "differ in size" in dataset.notes[0]
    assert load(str(classes), image_size=(20, 10)).images.shape == (21, 1, 20, 10)
    assert load(str(classes), crop=12).images.shape == (21, 1, 12, 12)
    with pytest.raises(InputError, match="crop is 13, but an image is 16 x 12"):
        load(str(classes), crop=13)


def test_metadata_becomes_attributes(metadata):
    root = metadata(
        ",file_name,colour, size ,note,score",
        '0,0.png,red,1,"one, two",0.5',
        "1,./1.png,blue,2,three,1.5",
        "2,2.png,,,four,",
        "",
        "3,3.png,red,1,five,2.5",
        "4,4.png,blue,3,six,3.5",
        encoding="utf-8-sig",
    )
    dataset = load(root)
    assert len(dataset.images) == 5
    assert dataset.attributes.names == ("colour", "size", "note", "score")
    assert dataset.attributes.get("colour").values == ("blue", "red")
    assert dataset.attributes.get("size").values == (1, 2, 3)
    assert dataset.attributes.get("score").kind == "continuous"
    missing = np.isnan(dataset.attributes.values)
    assert missing.sum() == 3
    assert missing[2].tolist() == [True, True, False, True]


@pytest.mark.parametrize("listed", ["folders", "one file", "a file each"])
def test_published_parts_are_kept(tmp_path, listed):
    root = tmp_path / "images"
    lines = {"train": [], "Val": [], "test": []}
    for part, n in (("train", 6), ("Val", 2), ("test", 3)):
        for index in range(n):
            inside = ("a", "b")[index % 2] if listed == "folders" else ""
            image(root / part / inside / f"{index}.png", seed=1000 * n + index)
            lines[part].append((f"{index}.png", ("a", "b")[index % 2]))
    if listed == "one file":
        rows = [f"{part}/{name},{label}" for part in lines for name, label in lines[part]]
        (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    if listed == "a file each":
        for part, pairs in lines.items():
            (root / part / "metadata.csv").write_text("\n".join(["file_name,label", *map(",".join, pairs)]))
    dataset = load(str(root))
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 6, "valid": 2, "test": 3}
    assert dataset.attributes.names == ("label",)
    assert not np.isnan(dataset.attributes.values).any()


def test_what_is_drawn_from_published_parts_is_the_same_in_every_process(tmp_path):
    for part in ("train", "valid", "test"):
        for index in range(9):
            image(tmp_path / "images" / part / f"{index}.png", seed=len(part) * 100 + ord(part[0]) + index)
    code = (
        "import sys; from distaff.data import load\n"
        "dataset = load(sys.argv[1], count=9)\n"
        "print(dataset.images.take(slice(None)).sum((1, 2, 3)))"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "images")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(drawn) == 1


def test_images_without_labels_are_data_too(tmp_path):
    for index in range(8):
        image(tmp_path / "images" / f"{index}.png")
    dataset = load(str(tmp_path / "images"))
    assert dataset.attributes.names == ()
    assert dataset.attributes.values.shape == (8, 0)


def test_a_damaged_image_is_named_and_skipped_only_if_asked(classes, cache_folder):
    whole = image(classes / "dog" / "x.jpg", colour=True)
    content = (classes / "dog" / "x.jpg").read_bytes()
    (classes / "dog" / "x.jpg").write_bytes(content[: len(content) - 80])
    assert whole.shape == (16, 12, 3)
    with pytest.raises(InputError, match=r"dog/x.jpg: the image cannot be read .*--skip-bad\)"):
        load(str(classes))
    assert list(cache_folder.iterdir()) == []
    (classes / "cat" / "0.png").write_text("no image")
    for _ in range(2):
        dataset = load(str(classes), skip_bad=True)
        assert dataset.notes[-1] == "left out 2 images (cat/0.png, dog/x.jpg): cannot be read"
        assert dataset.attributes.column("label").tolist() == [0] * 9 + [1] * 10
        expected = read_images([classes / "cat" / "1.png"], (3, 16, 12))
        np.testing.assert_array_equal(dataset.images.take(slice(0, 1)), expected)
        assert sum(map(len, dataset.splits.values())) == 19


@pytest.mark.parametrize("lost", ["-about.npy", "-digests.npy", "images"])
def test_bad_images_stay_known_when_a_part_of_the_cache_is_lost(classes, cache_folder, lost):
    (classes / "cat" / "0.png").write_text("no image")
    load(str(classes), skip_bad=True)
    for path in cache_folder.iterdir():
        if path.name.endswith(lost) or (lost == "images" and path.name.count("-") == 1):
            path.unlink()
    for _ in range(2):
        dataset = load(str(classes), skip_bad=True)
        assert dataset.notes[-1] == "left out the image cat/0.png: cannot be read"
        assert len(dataset.images) == 19


def test_a_link_to_nothing_is_a_bad_image(classes):
    (classes / "cat" / "x.png").symlink_to(classes / "gone.png")
    with pytest.raises(InputError, match=r"cat/x.png: no such image; mend or remove it"):
        load(str(classes))
    assert load(str(classes), skip_bad=True).notes[-1] == "left out the image cat/x.png: cannot be read"
    assert len(load(str(classes), skip_bad=True).images) == 20


def test_nothing_but_damaged_images(tmp_path):
    for index in range(4):
        (tmp_path / f"{index}.png").write_text("no image")
    with pytest.raises(InputError, match="none of the 4 images can be read"):
        load(str(tmp_path), skip_bad=True)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["naam,label", "9.png,a"], "no column file_name in its first line, nor another of images"),
        (["0.png,a", "1.png,b"], "its first line must name the columns, not '0.png'"),
        (["", ""], "no column file_name"),
        (["file_name,label", "9.png,a"], "row 2: no image '9.png'"),
        (["file_name,label", "0.png,a", "./0.png,b"], "rows 2 and 3 are both about './0.png'"),
        (["file_name,label", "0.png,a", "1.png"], "row 3 has 1 cells where the first has 2"),
        (["file_name,label,label", "0.png,a,b"], "two columns are called 'label'"),
        (["file_name,label", "../0.png,a"], "must be a path inside the folder"),
        (["file_name,label", "/elsewhere/9.png,a"], "must be a path inside the folder"),
        (["file_name,label", ",a"], "row 2 names no image in the column 'file_name'; fill the cell"),
        (["file_name,label", '"0.png,a'], "not CSV"),
        (["file_name,score", "0.png,inf", "1.png,2"], "column 'score' holds an infinite number in 0.png"),
        (["file_name,label"], "no images in this folder"),
        (["file_name,label", "0.png,a\0"], "line 2 holds a NUL byte"),
    ],
)
def test_a_metadata_file_that_does_not_fit(metadata, lines, says):
    with pytest.raises(InputError, match=says) as caught:
        load(metadata(*lines))
    assert "\n" not in str(caught.value)


def test_a_metadata_file_in_another_encoding(metadata):
    with pytest.raises(InputError, match="not UTF-8"):
        load(metadata("file_name,label", "0.png,caf\xe9", encoding="latin-1"))


def test_an_unknown_column_is_named(metadata):
    root = metadata("file_name,colour,size", "0.png,red,1", "1.png,blue,2", "2.png,red,1")
    with pytest.raises(InputError, match="unknown attribute 'color'; did you mean 'colour'"):
        load(root, attributes=("color",))


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images in this folder; there should be files of bmp"):
        load(str(tmp_path / "empty"))


def test_a_cache_without_room_costs_only_memory(classes, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "file"))
    assert load(str(classes)).images.shape == (20, 1, 16, 12)


def test_a_folder_of_train_alone_is_split(classes, tmp_path):
    (tmp_path / "outer").mkdir()
    shutil.move(classes, tmp_path / "outer" / "train")
    dataset = load(str(tmp_path / "outer"))
    sizes = {name: len(rows) for name, rows in dataset.splits.items()}
    assert sum(sizes.values()) == 20
    assert min(sizes["valid"], sizes["test"]) >= 1
    assert dataset.published == {"train"}


def test_links_are_followed_but_not_in_circles(classes, tmp_path):
    shutil.move(classes / "dog", tmp_path / "dog")
    (classes / "dog").symlink_to(tmp_path / "dog")
    (classes / "cat" / "up").symlink_to(classes)
    dataset = load(str(classes))
    assert len(dataset.images) == 20
    assert dataset.attributes.get("label").values == ("cat", "dog")


@pytest.mark.parametrize("suffix", ["gif", "tif", "png"])
def test_films_and_pages_of_which_the_first_is_read_are_told(tmp_path, suffix):
    for index in range(6):
        frames = [Image.new("L", (8, 8), 20 * index + 60 * frame) for frame in range(1 + index % 2)]
        frames[0].save(tmp_path / f"{index}.{suffix}", save_all=len(frames) > 1, append_images=frames[1:])
    for _ in range(2):  # Decoded, and then taken from where they are kept.
        notes = load(str(tmp_path)).notes
        assert "3 files hold several images or pages, of which the first alone is read" in notes


def table(folder, head, row, n=60):
    """Write images and a table of them: the cells of image i are `row(i)`."""
    for i in range(n):
        image(folder / f"{i}.png", i)
    lines = [head, *(f"{i}.png,{row(i)}" for i in range(n))]
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def test_runs_beside_the_images_are_no_data(classes):
    before = load(classes)
    run = distaff.train("vae", data=classes, steps=2, out=classes / "runs" / "mine", progress=False)
    after = load(classes)
    assert after.names == before.names
    assert after.attributes.names == before.attributes.names
    assert any("left out the folder runs/mine: a run of distaff" in note for note in after.notes)
    assert run.dataset().names == before.names


def test_a_folder_is_entered_whether_or_not_runs_lie_beside_it(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    table(tmp_path / "mine" / "photos", "file,kind", lambda i: "ab"[i % 2])
    monkeypatch.chdir(tmp_path / "mine")
    before = load(".")
    assert before.attributes.names == ("kind",)
    distaff.train("vae", data=".", steps=2, out="runs/one", progress=False)
    after = load(".")
    assert (after.names, after.attributes.names) == (before.names, before.attributes.names)


def test_frames_follow_one_another_by_their_numbers(tmp_path):
    for i in range(1, 25):
        image(tmp_path / f"frame_{i}.png", i)
    assert load(tmp_path).names[:11] == tuple(f"frame_{i}.png" for i in range(1, 12))


def test_what_a_split_column_leaves_open_is_told(tmp_path):
    dataset = load(
        table(tmp_path, "file,split,kind", lambda i: f"{('train', 'train', '', 'test')[i % 4]},{i % 3}")
    )
    assert "the column 'split' is the split; 15 images without a part are trained on" in dataset.notes
    shutil.rmtree(tmp_path)
    dataset = load(table(tmp_path, "file,split,kind", lambda i: f"train,{i % 3}"))
    assert "the column 'split' is the split; valid and test are drawn" in dataset.notes


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("is_train", "01"),
        ("Usage", ("Training", "PrivateTest")),
        ("phase", ("train", "eval")),
        ("fold", ("train", "holdout")),
    ],
)
def test_what_sounds_like_a_split_and_is_none_is_told(tmp_path, name, cells):
    dataset = load(table(tmp_path, f"file,{name},kind", lambda i: f"{cells[i % 2]},{i % 3}"))
    assert any(note.startswith(f"{name}: read as labels and no split") for note in dataset.notes)


def test_a_class_without_a_training_image_is_told(tmp_path):
    for part, kinds in (("train", ("cat", "dog")), ("test", ("cat", "bird"))):
        for kind in kinds:
            for i in range(12):
                image(tmp_path / part / kind / f"{i}.png", hash((part, kind, i)) % 1000)
    assert "label: no training image has 'bird'" in load(tmp_path).notes


def test_images_of_two_scales_that_become_black_are_told(tmp_path):
    grey = np.random.default_rng(0).integers(1, 240, (24, 12, 12))
    for i, pixels in enumerate(grey):
        if i % 2:
            Image.fromarray((pixels / 255).astype(np.float32)).save(tmp_path / f"{i}.tif")
        else:
            Image.fromarray((pixels * 257).astype(np.uint16)).save(tmp_path / f"{i}.png")
    notes = " ".join(load(tmp_path).notes)
    assert "12 images are wholly black where 65535 is white; save all on one scale" in notes


def test_lines_of_json_end_at_line_feeds_alone(tmp_path):
    for i in range(12):
        image(tmp_path / f"{i}.png", i)
    lines = [
        json.dumps(
            {
                "file_name": f"{i}.png",
                "kind": "ab"[i % 2],
                "note": "one\u2028two\x85three" if i == 3 else "ok",
            },
            ensure_ascii=False,
        )
        for i in range(12)
    ]
    (tmp_path / "metadata.jsonl").write_text("\r\n".join(lines), encoding="utf-8", newline="")
    assert load(tmp_path).attributes.get("kind").values == ("a", "b")


@pytest.mark.parametrize("written", ["/{}", "https://here.org/files/{}", "file:///data/{}"])
def test_paths_of_elsewhere_are_found_by_their_end(tmp_path, written):
    for i in range(12):
        image(tmp_path / f"{i}.png", i)
    lines = ["image,kind", *(f"{written.format(f'{i}.png')},{'ab'[i % 2]}" for i in range(12))]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    assert load(tmp_path).attributes.names == ("kind",)


def test_accents_may_be_written_in_either_form(tmp_path):
    for kind in ("Äpfel", "Möhren"):
        for i in range(10):
            image(tmp_path / unicodedata.normalize("NFD", kind) / f"{i}.png", i)
    attribute = load(tmp_path).attributes.get("label")
    for form in ("NFC", "NFD"):
        assert attribute.encode(unicodedata.normalize(form, "Äpfel")) == 0


def test_a_run_finds_its_images_from_any_folder(tmp_path, monkeypatch):
    for place, seed in (("a", 0), ("b", 100)):
        for i in range(40):
            image(tmp_path / place / "images" / f"{i}.png", seed + i)
    monkeypatch.chdir(tmp_path / "a")
    run = distaff.train("vae", data="images", steps=2, out="run", progress=False)
    pixels = run.dataset().images.take(np.arange(40))
    for place in ("b", "."):
        monkeypatch.chdir(tmp_path / place)
        found = distaff.Run.open(tmp_path / "a" / "run").dataset()
        np.testing.assert_array_equal(found.images.take(np.arange(40)), pixels)
    (tmp_path / "a").rename(tmp_path / "c")
    again = distaff.Run.open(tmp_path / "c" / "run").dataset()
    np.testing.assert_array_equal(again.images.take(np.arange(40)), pixels)
