"""The kinds of hostile inputs, each a generator of trials."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from checks import Trial, run
from names import NAMES, junk
from PIL import Image

from distaff.data import load
from distaff.recipes import shipped
from distaff.run import Run

Rng = np.random.Generator
Runs = Mapping[str, Path]
FAST = ["--set", "network.mlp.hidden=[8]", "--set", "train.batch=8", "--steps", "2", "--no-page"]


@dataclass(frozen=True)
class Kind:
    """What inputs are, which share of all they have, and what makes one: (folder, rng, runs, number)."""

    about: str
    share: int
    make: Callable[[Path, Rng, Runs, int], Trial]


def make_runs(folder: Path) -> dict[str, Path]:
    """Train the small models that inputs meet."""
    for name in ("supervised", "conditional-vae", "vae"):
        code, _, said = run(["train", name, "--data", "digits", "--set", "data.count=120", *FAST, "--out",
                          str(folder / name)])  # fmt: skip
        assert code == 0, said
    code, _, said = run(["export", str(folder / "vae"), "--to", str(folder / "vae" / "explorer.html")])
    assert code == 0, said
    return {path.name: path for path in folder.iterdir()}


def pixels(rng: Rng, n: int, side: int = 8) -> np.ndarray:
    return rng.integers(0, 256, (n, side, side), dtype=np.uint8)


def save_images(folder: Path, rng: Rng, names: Sequence[str]) -> None:
    for name, image in zip(names, pixels(rng, len(names)), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name, format="PNG")


# --- names -----------------------------------------------------------------------------------------------


def of_name(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """One hostile name as attribute, as class, as file or as run folder, through the commands."""
    name = NAMES[number % len(NAMES)]
    files = [f"{index}.png" for index in range(12)]
    save_images(folder / "set", rng, files)
    kinds = [(name, "plain")[index % 2] for index in range(12)]
    lines = [
        {"file_name": file, name: kind, "level": index % 3}
        for index, (file, kind) in enumerate(zip(files, kinds, strict=True))
    ]
    (folder / "set" / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    train = ["train", "supervised", "--data", "set", *FAST, "--out", "run"]
    setting = f"{name.strip()}={name.strip()}"
    rest = [
        ["generate", "run", "--attribute", setting, "-n", "2", "--out", "a.png"],
        ["edit", "run", "set/0.png", "--attribute", setting, "--out", "a.png"],
        ["encode", "run", "set", "--out", "a.csv"],
        ["evaluate", "run", "--metrics", "attribute_accuracy"],
        ["figures", "run", "--only", "losses,attributes,confusion"],
        [
            "export",
            "run",
            "--to",
            "a.html",
        ],
    ]
    # Figures and pages take the longest.
    command = rest[number % 4] if number % 9 else rest[4 + number % 2]
    out = (folder / command[-1],) if command[-2] in {"--out", "--to"} else ()

    def check(said: str) -> list[str]:
        known = {each.name for each in Run.open(folder / "run").attributes}
        return (
            []
            if name.strip() in known or printed(name.strip(), said)
            else [f"{name!r} is neither read nor named"]
        )

    return Trial([train, command], out, check)


def printed(name: str, said: str) -> bool:
    """Tell whether a name is printed, as it is or written out."""
    from distaff.errors import printable

    plain = " ".join(said.split())
    return any(
        " ".join(each.split()) in plain for each in (name, repr(name), repr(name)[1:-1], printable(name))
    )


# --- tables ----------------------------------------------------------------------------------------------


def of_table(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """A table of 1 to 6 columns of mixed junk beside images, in one of the common styles."""
    files = [f"{index}.png" for index in range(14)]
    save_images(folder / "set", rng, files)
    names = list(dict.fromkeys(junk(rng, name=True) for _ in range(rng.integers(1, 7))))
    columns = {name: column(rng, len(files)) for name in names}
    delimiter = str(rng.choice([",", ";", "\t", "|"]))
    first = str(rng.choice(["file_name", "image_id", "path", "Filename"]))
    rows = [
        [first, *names],
        *([file, *(cells[place] for cells in columns.values())] for place, file in enumerate(files)),
    ]
    quoted = rng.random() < 0.7
    text = "\n".join(delimiter.join(quote(cell) if quoted else cell for cell in row) for row in rows)
    suffix = "tsv" if delimiter == "\t" else "csv"
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "latin-1"], p=[0.7, 0.1, 0.1, 0.1]))
    content = text.encode(encoding, "replace")
    if rng.random() < 0.1:
        content = damage(content, rng)
    table = folder / "set" / str(rng.choice([f"metadata.{suffix}", f"labels.{suffix}"]))
    table.write_bytes(content)
    source = "set" if rng.random() < 0.7 else str(table.relative_to(folder))
    recipe = str(rng.choice(["vae", "supervised", "conditional-vae"]))
    words = ["train", recipe, "--data", source, *FAST, "--out", "run"]

    def check(said: str) -> list[str]:
        opened = Run.open(folder / "run")
        known = {each.name for each in opened.attributes}
        dataset = load(opened.recipe.data)
        notes = " ".join(dataset.notes)
        if table.name in {name for left in dataset.left_out for name in left.names}:
            return []
        # A quotation mark belongs to the name only inside quotation marks.
        written = [name.strip() for name in names if quoted or '"' not in name]
        lost = [
            f"column {name!r}"
            for name in written
            if name and name not in known and not printed(name, f"{said} {notes}") and encoding != "latin-1"
        ]
        if sum(map(len, dataset.splits.values())) + sum(
            left.count for left in dataset.left_out if left.kind == "image"
        ) != len(files):
            lost.append(f"{len(files)} images became {len(dataset.images)}")
        return lost

    return Trial([words], check=check)


def column(rng: Rng, n: int) -> list[str]:
    kind = rng.integers(6)
    if kind == 0:
        return [str(rng.integers(0, 4)) for _ in range(n)]
    if kind == 1:
        return [f"{rng.normal():.3f}".replace(".", "," if rng.random() < 0.2 else ".") for _ in range(n)]
    if kind == 2:
        return [str(rng.choice(["a", "b", "NA", "", "n/a"])) for _ in range(n)]
    if kind == 3:
        return ["same"] * n
    if kind == 4:
        return [str(rng.choice([-1, 1])) for _ in range(n)]
    return [junk(rng) for _ in range(n)]


def quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def of_score(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """Codes and factors of any kind for `score`."""
    n, d = int(rng.integers(1, 90)), int(rng.integers(1, 5))
    codes = rng.normal(size=(n, d))
    if rng.random() < 0.15:
        codes[rng.random(codes.shape) < 0.05] = rng.choice([np.nan, np.inf, 0.0])
    if rng.random() < 0.5:
        np.save(
            folder / "codes.npy",
            [codes, codes.astype("f4"), codes * 100, codes[0], codes.astype("U8")][
                min(4, rng.integers(14) // 3)
            ],
        )
        one = "codes.npy"
    else:
        (folder / "codes.csv").write_text("\n".join(",".join(map(str, row)) for row in [range(d), *codes]))
        one = "codes.csv"
    names = [junk(rng, name=True) or "x" for _ in range(rng.integers(1, 4))]
    m = n if rng.random() < 0.9 else n + 1
    cells = [column(rng, m) for _ in names]
    lines = [
        ",".join(map(quote, names)),
        *(",".join(quote(each[row]) for each in cells) for row in range(m)),
    ]
    (folder / "factors.csv").write_bytes("\n".join(lines).encode())
    words = ["score", one, "factors.csv"]
    if rng.random() < 0.3:
        words += ["--metrics", str(rng.choice(["mig", "dci", "nothing", "mig,sap"]))]
    return Trial([words])


# --- images and arrays -----------------------------------------------------------------------------------


def damage(content: bytes, rng: Rng) -> bytes:
    """Cut short, overwrite, repeat or fill up some bytes."""
    if not content:
        return content
    where = int(rng.integers(len(content)))
    way = rng.integers(5)
    if way == 0:
        return content[:where]
    if way == 1:
        changed = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 20)):
            changed[place] = rng.integers(256)
        return bytes(changed)
    if way == 2:
        return content[:where] + bytes(rng.integers(0, 256, 50, dtype=np.uint8)) + content[where:]
    if way == 3:
        return content[: min(where, 40)] + content[min(where, 40) + 4 :]
    return b"" if rng.random() < 0.3 else b"\0" * len(content)


def image_bytes(rng: Rng) -> tuple[str, bytes]:
    """An image file of any kind, often of an unusual one: suffix and content."""
    side = int(rng.choice([1, 2, 8, 16, 33]))
    mode = str(rng.choice(["L", "RGB", "RGBA", "P", "1", "LA", "CMYK", "I;16", "F"]))
    base = pixels(rng, 1, side)[0]
    if mode == "I;16":
        image = Image.fromarray(base.astype(np.uint16) * 16)
    elif mode == "F":
        image = Image.fromarray(base.astype(np.float32) * float(rng.choice([1, 1 / 255, -1, 1e30])))
    else:
        image = Image.fromarray(base).convert(mode)
    suffix = str(rng.choice(["png", "jpg", "tif", "bmp", "gif", "webp", "ppm", "tga", "jp2"]))
    file = io.BytesIO()
    try:
        image.save(file, format=Image.registered_extensions()[f".{suffix}"])
    except (OSError, ValueError, KeyError):
        suffix, file = "png", io.BytesIO()
        Image.fromarray(base).save(file, format="PNG")
    return suffix, file.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it is enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def of_image(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """An odd or damaged image alone, or among others."""
    suffix, content = image_bytes(rng)
    if rng.random() < 0.6:
        content = damage(content, rng)
    if rng.random() < 0.03:
        content = bomb()
    if rng.random() < 0.1:
        suffix = str(rng.choice(["png", "jpg", "PNG", "tiff", "txt", "heic"]))
    name = f"x.{suffix}"
    save_images(folder / "set", rng, [f"{index}.png" for index in range(10)])
    (folder / "set" / name).write_bytes(content)
    way = number % 4
    if way == 0:
        model = runs[str(rng.choice(["vae", "supervised"]))]
        out = folder / f"a.{rng.choice(['csv', 'npz'])}"
        return Trial([["encode", str(model), f"set/{name}", "--out", out.name]], (out,))
    if way == 1:
        words = ["edit", str(runs["supervised"]), f"set/{name}", "--attribute", "digit=3", "--out", "a.png"]
        return Trial([words], (folder / "a.png",))
    if way == 2:
        out = folder / "a.csv"

        def rows(said: str) -> list[str]:
            count = len(out.read_text().splitlines()) - 1
            known = 11 if Path(name).suffix.lower() in SUFFIXES else 10
            return [] if count == known else [f"{count} rows for {known} images"]

        return Trial([["encode", str(runs["vae"]), "set", "--out", "a.csv"]], (out,), rows)
    skip = ["--skip-bad"] if rng.random() < 0.6 else []

    def check(said: str) -> list[str]:
        images = len(load(Run.open(folder / "run").recipe.data).images)
        return [] if images == 11 or printed(name, said) else [f"{images} of 11 images, {name} is not named"]

    return Trial([["train", "vae", "--data", "set", *skip, *FAST, "--out", "run"]], check=check)


SUFFIXES = {f".{each}" for each in ("png", "jpg", "tif", "tiff", "bmp", "gif", "webp", "ppm", "tga", "jp2")}


def of_array(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """An .npz or .npy file of unusual arrays, or a damaged one."""
    n = int(rng.choice([0, 1, 3, 12, 20, 30], p=[0.05, 0.05, 0.1, 0.2, 0.3, 0.3]))
    shapes = [
        (n, 8, 8),
        (n, 8, 8, 1),
        (n, 3, 8, 8),
        (n, 8, 8, 3),
        (n, 64),
        (n,),
        (n, 8, 8, 8, 1),
        (0, 8, 8),
        (n, 20, 30, 40),
    ]
    shape = shapes[int(rng.choice(len(shapes), p=[0.5, 0.1, 0.1, 0.1, 0.04, 0.04, 0.04, 0.04, 0.04]))]
    dtype = str(
        rng.choice(
            ["u1", "bool", "f4", "f8", "i8", "u2", "f2", "c8", "U5"],
            p=[0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05],
        )
    )
    images = (rng.random(shape) * rng.choice([1, 255, 4095, -1], p=[0.4, 0.4, 0.15, 0.05])).astype(dtype)
    if dtype in {"f4", "f8"} and images.size and rng.random() < 0.2:
        images.reshape(-1)[0] = rng.choice([np.nan, np.inf])
    extra = {
        "label": rng.integers(0, 3, n), "kind": np.array([junk(rng) for _ in range(n)]),
        "short": np.arange(max(0, n - 1)), "flag": rng.random(n) < 0.5, "scalar": np.array(3),
        "metadata": np.arange(3), "wide": rng.random((n, 4)), "objects": np.array([{}] * n, dtype=object),
        "constant": np.ones(n),
    }  # fmt: skip
    chosen = {
        name: extra[name]
        for name in rng.permutation(list(extra))[: rng.integers(0, 5)]
        if name != "objects" or rng.random() < 0.1
    }
    if rng.random() < 0.75:
        path = folder / "set.npz"
        save = np.savez if rng.random() < 0.5 else np.savez_compressed
        save(
            path,
            **{str(rng.choice(["x", "images", "imgs", "pixels"], p=[0.4, 0.3, 0.2, 0.1])): images},
            **chosen,
        )
    else:
        path, chosen = folder / "set.npy", {}
        np.save(path, np.asfortranarray(images) if rng.random() < 0.1 else images)
    if rng.random() < 0.25:
        path.write_bytes(damage(path.read_bytes(), rng))
    if number % 3 == 0:
        out = folder / "a.npz"
        return Trial([["encode", str(runs["vae"]), path.name, "--out", "a.npz"]], (out,))

    def check(said: str) -> list[str]:
        opened = Run.open(folder / "run")
        known = {each.name for each in opened.attributes}
        return [f"array {name!r}" for name in chosen if name not in known and not printed(name, said)]

    recipe = str(rng.choice(["vae", "supervised"]))
    return Trial([["train", recipe, "--data", path.name, *FAST, "--out", "run"]], check=check)


# --- recipes ---------------------------------------------------------------------------------------------

VALUES = [
    "", "null", "-1", "0", "1e99", ".nan", ".inf", "true", "[]", "{}", "[[]]",
    "{a: {b: c}}", "'x'", "mnist", "!!python/object/apply:os.system [ls]", "&a [*a]",
    "*missing", "2024-01-01", "0x1F", "[1, 2", "\x00", "\t- x", "{kl: {weight: 1}}",
    "{cosine: {from: 1}}", "9" * 400, "softmax", "gaussian", "~", "1_000", "[kl, kl]",
]  # fmt: skip
KEYS = [
    "train.steps", "train.lr", "train.batch", "latent.gaussian.size", "loss.kl.weight",
    "network", "likelihood", "latent", "loss", "train", "data.valid", "data.test",
    "data.count", "data.seed", "train.seed", "data.image_size", "optimizer",
    "data.source", "about", "", ".", "latent.0", "latent.9", "loss.kl",
    "train.precision", "condition", "nothing", "train.early_stopping", "data.kinds",
    "data.labelled", "train.gradient_clip", "__class__", "train.__init__",
]  # fmt: skip


def of_recipe(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """A setting that makes no sense, or a YAML file that is no recipe."""
    small = ["--data", "digits", "--set", "data.count=60", *FAST]
    recipe = str(rng.choice(["vae", "supervised", "beta-vae", "class-separated", "qlae"]))
    if number % 2 == 0:
        settings = [f"{rng.choice(KEYS)}={rng.choice(VALUES)}" for _ in range(rng.integers(1, 3))]
        settings = [each for each in settings if not each.startswith("train.steps=") or "9" * 9 not in each]
        if rng.random() < 0.1:
            settings.append(junk(rng))
        # The steps come last, so that no setting trains for long.
        words = [
            "train",
            recipe,
            *small[:4],
            *(word for each in settings for word in ("--set", each)),
            *FAST,
            "--out",
            "run",
        ]
        return Trial([words])
    text = shipped()[recipe]
    lines = text.splitlines()
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(lines)))
        way = rng.integers(5)
        if way == 0:
            del lines[place]
            lines = lines or [""]
        elif way == 1:
            lines[place] = lines[place].split(":")[0] + f": {rng.choice(VALUES)}"
        elif way == 2:
            lines.insert(place, str(rng.choice(VALUES)))
        elif way == 3:
            lines.insert(place, f"{junk(rng, name=True)}: {junk(rng)}")
        else:
            lines[place] = " " * int(rng.integers(0, 9)) + lines[place].strip()
    content = "\n".join(lines).encode("utf-8", "replace")
    if rng.random() < 0.15:
        content = damage(content, rng)
    if rng.random() < 0.03:
        content = b"a: &a [x, x]\n" + b"".join(b"b%d: &b%d [*a, *a, *a, *a]\n" % (k, k) for k in range(9))
    (folder / "mine.yaml").write_bytes(content)
    return Trial([["train", "mine.yaml", *small, "--out", "run"]])


# --- run folders -----------------------------------------------------------------------------------------

USES = [
    ["evaluate", "run", "--metrics", "reconstruction"],
    ["generate", "run", "-n", "2", "--out", "a.png"],
    ["encode", "run", "set", "--out", "a.csv"],
    ["figures", "run", "--only", "losses,reconstructions"],
    [
        "train", "run/recipe.yaml", "--out", "run", "--resume", "--no-page",
    ],
    [
        "export", "run", "--to", "a.html",
    ],
    ["mix", "run", "--from", "set/0.png", "--to", "set/1.png", "--out", "a.png"],
]  # fmt: skip


def of_run(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """A run folder of which a file is missing, damaged, another's, or a folder."""
    shutil.copytree(runs[str(rng.choice(list(runs)))], folder / "run")
    other = runs[str(rng.choice(list(runs)))]
    save_images(folder / "set", rng, ["0.png", "1.png"])
    files = sorted(
        path for path in (folder / "run").iterdir() if path.is_file() and not path.name.startswith(".")
    )
    path = files[number % len(files)]
    way = rng.integers(5)
    if way == 0:
        path.unlink()
    elif way == 1:
        path.write_bytes(damage(path.read_bytes(), rng))
    elif way == 2 and (other / path.name).is_file():
        path.write_bytes((other / path.name).read_bytes())
    elif way == 3:
        path.unlink()
        path.mkdir()
    elif path.suffix == ".json":
        path.write_text(
            str(
                rng.choice(
                    [
                        "{}",
                        "[]",
                        "null",
                        "{",
                        '{"image_shape": 3}',
                        '{"metrics": []}',
                        '{"parts": 3}',
                    ]
                )
            )
        )
    else:
        path.write_bytes(damage(path.read_bytes(), rng))
    command = USES[int(rng.integers(len(USES) - (2 if number % 10 else 0)))]
    out = (folder / command[-1],) if command[-2] in {"--out", "--to"} and command[0] != "train" else ()
    return Trial([command], out)


# --- command lines ---------------------------------------------------------------------------------------


def of_words(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """Options and values that make no sense, and places that are none."""
    model = str(runs[str(rng.choice(["vae", "supervised", "conditional-vae"]))])
    odd = junk(rng)
    (folder / "file").write_text("no folder")
    lines = [
        [
            "generate", model, "--attribute", odd, "--out", "a.png",
        ],
        [
            "generate", model, "-n", odd, "--out", "a.png",
        ],
        [
            "generate", model, "--out", f"file/{number}.png",
        ],
        [
            "generate", odd, "--out", "a.png",
        ], [
            "mix", model, "--from", odd, "--to", odd,
        ],
        [
            "encode", model, odd, "--out", "a.csv",
        ],
        [
            "encode", model, "digits", "--split", odd, "--out", "a.csv",
        ],
        [
            "evaluate", model, "--metrics", odd,
        ], [
            "evaluate", model, "--data", odd,
        ],
        [
            "figures", model, "--only", odd,
        ], [
            "export", model, "--to", odd,
        ],
        [
            "train", odd, *FAST,
        ], [
            "train", "vae", "--data", odd, *FAST,
        ],
        [
            "train", "vae", "--out", "file", *FAST,
        ],
        [
            "train", "vae", "--device", odd, "--data", "digits", *FAST, "--out", "run",
        ],
        [
            "score", odd, odd,
        ], [
            "recipes", odd,
        ], [
            "data", odd,
        ], [
            "metrics", odd,
        ], [
            odd,
        ],
        [
            odd, odd,
        ], [
            "train", "vae", f"--{odd.strip('-') or 'x'}",
        ],
        [
            "encode", model, "file", "--out", "a.npz",
        ],
        [
            "train", "vae", "--import", odd, *FAST,
        ],
        [
            "edit", model, "file", "--attribute", "digit=3", "--out", "a.png",
        ],
        [
            "generate", model, "--out", "a.exe",
        ], [
            "figures", model, "--width", odd,
        ],
    ]  # fmt: skip
    words = lines[number % len(lines)]
    words = [word.replace("\0", "") for word in words]  # No system passes it on.
    if "--help" in words or "-h" in words:
        words = [word for word in words if word not in {"--help", "-h"}] or ["recipes"]
    out = tuple(folder / word for word in words if word in {"a.png", "a.csv", "a.npz"})
    return Trial([words], out)


def of_zip(folder: Path, rng: Rng, runs: Runs, number: int) -> Trial:
    """An archive that is no archive of arrays: other members, repeated ones, paths that lead elsewhere."""
    path = folder / "set.npz"
    file = io.BytesIO()
    np.save(file, pixels(rng, 12))
    names = [
        ["images.npy", "../../evil.npy"],
        ["images.npy", "images.npy"],
        ["images.txt"],
        ["images.npy", "readme.txt"],
        [],
        ["sub/images.npy"],
    ]
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for name in names[number % len(names)]:
            archive.writestr(name, file.getvalue())
    if rng.random() < 0.4:
        path.write_bytes(damage(path.read_bytes(), rng))
    return Trial([["train", "vae", "--data", "set.npz", *FAST, "--out", "run"]])


KINDS: dict[str, Kind] = {
    "names": Kind("one hostile name as attribute, class and setting", 200, of_name),
    "tables": Kind("CSV, TSV and other tables of 1 to 6 columns of junk", 200, of_table),
    "scores": Kind("codes and factors for `score`", 80, of_score),
    "images": Kind("odd and damaged images, alone and among others", 160, of_image),
    "arrays": Kind(".npz and .npy files of any shape and type, and damaged ones", 100, of_array),
    "archives": Kind("archives that are none of arrays", 20, of_zip),
    "recipes": Kind("settings and YAML files that make no sense", 120, of_recipe),
    "runs": Kind("run folders and pages with one file missing, damaged or another's", 70, of_run),
    "words": Kind("command lines that make no sense", 50, of_words),
}
Made = Any
