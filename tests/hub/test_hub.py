"""Models and images on the hub, by a server on this machine that speaks its API."""

import io
import json
import sys
from pathlib import Path

import huggingface_hub.hf_api
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hub_server import TOKEN, Hub
from PIL import Image

import distaff
from distaff.cli import main
from distaff.hub import pull, push

TINY = {"network.mlp.hidden": [16], "train.batch": 64}
MODEL = ("model", "me/digits")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = distaff.train(
        "demo-quick", steps=40, settings=TINY, out=tmp_path_factory.mktemp("hub") / "run", progress=False
    )
    made.evaluate(["elbo", "knn_accuracy", "active_units"])
    return made


@pytest.fixture(scope="module")
def pushed(run, tmp_path_factory, operators_once):
    """The files of a run that was pushed once, as they lie on the hub."""
    with pytest.MonkeyPatch.context() as patch:
        hub = served(patch, tmp_path_factory.mktemp("pushed"))
        address = push(run, "me/digits", space=True)
        hub.close()
    assert address == f"{hub.address}/me/digits"
    return hub.repositories


@pytest.fixture
def hub(pushed, tmp_path, monkeypatch):
    server = served(monkeypatch, tmp_path)
    server.repositories |= {key: dict(files) for key, files in pushed.items()}
    monkeypatch.chdir(tmp_path)
    yield server
    server.close()


def served(patch, folder):
    """Start a hub, and have the hub's client know no other; it reads the variables when it is imported."""
    server = Hub()
    for name, value in {
        "ENDPOINT": server.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.address + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(folder / "hub"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
    }.items():
        patch.setattr(f"huggingface_hub.constants.{name}", value)
    patch.setattr(huggingface_hub.hf_api.api, "endpoint", server.address)
    patch.setenv("HF_TOKEN", TOKEN)
    patch.setenv("DISTAFF_CACHE", str(folder / "cache"))
    return server


def test_what_is_pushed_holds_no_checkpoint_and_nothing_to_unpickle(run, pushed):
    files = pushed[MODEL]
    assert files.keys() == {
        *("README.md", "index.html", "traversals.png", "distaff.json"),
        *("recipe.yaml", "attributes.json", "model.safetensors", "environment.json", "history.csv"),
        *("images.npz", "evaluation.json"),
    }
    assert files["model.safetensors"] == (run.path / "model.safetensors").read_bytes()
    assert files["index.html"].startswith(b"<!doctype html>")
    assert Image.open(io.BytesIO(files["traversals.png"])).size[0] > 100
    assert json.loads(files["distaff.json"])["files"].keys() <= files.keys()
    assert pushed["space", "me/digits"].keys() == {"README.md", "index.html"}
    assert yaml.safe_load(pushed["space", "me/digits"]["README.md"].split(b"---")[1])["sdk"] == "static"


def test_the_card_tells_data_metrics_with_intervals_limits_and_how_to_load(run, pushed):
    _, front, text = pushed[MODEL]["README.md"].decode().split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "distaff"
    assert "gaussian" in yaml.safe_load(front)["tags"]
    evaluation = run.read_json("evaluation.json")
    measured, images = evaluation["metrics"], evaluation["settings"]["test_images"]
    elbo = measured["elbo"]
    assert f"| `elbo` | {elbo['value']:.4g} ± {1.96 * elbo['standard_error']:.2g} |" in text
    low, high = (
        float(each) for each in text.split("`knn_accuracy` | ")[1].split("(")[1].split(")")[0].split(" to ")
    )
    assert low < measured["knn_accuracy"]["value"] < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / images) ** 0.5, rel=0.4)
    for part in (
        f"{run.training_images:,} training images of `digits`",
        "`digit` (categorical, 10 classes)",
        "## Limits",
    ):
        assert part in text
    assert 'distaff.load("hf:me/digits")' in text
    assert "](traversals.png)" in text
    assert "{" not in text.replace("```", "")


def test_a_pulled_run_is_the_one_that_was_pushed(hub, run, tmp_path):
    images = np.random.default_rng(0).random((4, 8, 8), dtype=np.float32)
    expected = run.model.encode(images)
    np.testing.assert_array_equal(distaff.load("hf:me/digits").encode(images), expected)
    pulled = pull("hf:me/digits")
    assert pulled.path == Path("runs/digits")
    np.testing.assert_array_equal(pulled.model.encode(images), expected)
    assert not list(pulled.path.glob("checkpoint*"))
    assert pulled.history().keys() == run.history().keys()
    assert pulled.is_finished
    fetched = {line.rpartition("/")[2] for line in hub.asked if line.startswith("GET /me/")}
    assert not fetched & {"README.md", "index.html", "traversals.png"}
    hub.repositories[MODEL]["recipe.yaml"] += b"# changed"
    before = hub.asked.copy()
    revision = next(line.split("/")[4] for line in before if "/resolve/" in line)
    assert distaff.load(f"hf:me/digits@{revision}").code_size == 2


def test_commands_push_and_pull(hub, run, capsys):
    assert main(["push", str(run.path), "me/again"]) == 0
    assert hub.repositories["model", "me/again"].keys() == hub.repositories[MODEL].keys()
    assert main(["pull", "me/again", "--out", "theirs"]) == 0
    assert "theirs" in capsys.readouterr().out
    assert distaff.load("theirs").code_size == 2


def gated(hub, patch):
    hub.gated.add(MODEL)


def gone(hub, patch):
    del hub.repositories[MODEL]


def without_network(hub, patch):
    patch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    patch.setattr(huggingface_hub.hf_api.api, "endpoint", "http://127.0.0.1:9")


def without_extra(hub, patch):
    patch.setitem(sys.modules, "huggingface_hub", None)


def tampered(name):
    def change(hub, patch):
        content = hub.repositories[MODEL][name]
        hub.repositories[MODEL][name] = content[:-1] + bytes([content[-1] ^ 1])

    return change


def unlisted(hub, patch):
    del hub.repositories[MODEL]["distaff.json"]


def foreign(hub, patch):
    listed = json.loads(hub.repositories[MODEL]["distaff.json"])
    del listed["files"]["model.safetensors"]
    hub.repositories[MODEL]["distaff.json"] = json.dumps(listed).encode()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (gated, "gated; ask for access"),
        (gone, "no such repository, or it is private"),
        (without_network, "the hub is not reached"),
        (without_extra, "pip install 'distaff[hub]'"),
        (tampered("model.safetensors"), "model.safetensors is damaged or was changed"),
        (tampered("recipe.yaml"), "recipe.yaml is damaged or was changed"),
        (unlisted, "has no distaff.json"),
        (foreign, "does not name model.safetensors"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(hub, monkeypatch, capsys, fault, said):
    fault(hub, monkeypatch)
    assert main(["pull", "me/digits", "--out", "theirs"]) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert not list(Path().glob("*theirs*"))
    with pytest.raises(distaff.InputError, match="me/digits"):
        distaff.load("hf:me/digits")


def test_tampered_weights_are_refused_even_with_a_tampered_list(hub):
    """Whoever changes both meets the sha256 that is in the weights themselves."""
    import hashlib

    files = hub.repositories[MODEL]
    tampered("model.safetensors")(hub, None)
    listed = json.loads(files["distaff.json"])
    listed["files"]["model.safetensors"] = hashlib.sha256(files["model.safetensors"]).hexdigest()
    files["distaff.json"] = json.dumps(listed).encode()
    with pytest.raises(distaff.InputError, match="its sha256 is not the one written"):
        pull("me/digits")
    assert not Path("runs/digits").exists()


def test_nothing_is_unpickled(hub, monkeypatch):
    import pickle

    def refuse(*given, **options):
        raise AssertionError("unpickled")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert distaff.load("hf:me/digits").code_size == 2


def test_who_is_not_logged_in_may_not_push(hub, run, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert main(["push", str(run.path), "me/other"]) == 2
    assert "hf auth login" in capsys.readouterr().err
    assert main(["push", str(run.path), "no name"]) == 2
    assert "ORG/NAME" in capsys.readouterr().err


def png(value, shape=(6, 6)):
    file = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(file, format="PNG")
    return file.getvalue()


def table(rows):
    """A parquet file as the datasets library writes images and classes."""
    features = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    columns = {
        "image": [{"bytes": png(value), "path": None} for value, _, _ in rows],
        "label": [label for _, label, _ in rows],
        "weight": [weight for _, _, weight in rows],
        "boxes": [[1, 2]] * len(rows),
    }
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    file = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(about), file)
    return file.getvalue()


def test_images_of_the_hub_keep_labels_and_split(hub, capsys):
    files = {
        "data/train-00000-of-00001.parquet": table([(10 * k, k % 2, k / 2) for k in range(20)]),
        "data/test-00000-of-00001.parquet": table([(205, 1, 0.25), (215, -1, None)]),
        "README.md": b"about",
    }
    hub.repositories["dataset", "they/pets"] = files
    dataset = distaff.data.load("hf:they/pets")
    assert dataset.images.shape == (22, 1, 6, 6)
    assert dataset.images.take(np.array([3]))[0, 0, 0, 0] == 30
    label, weight = (dataset.attributes.get(name) for name in ("label", "weight"))
    assert label.values == ("cat", "dog")
    assert weight.kind == "continuous"
    np.testing.assert_array_equal(dataset.splits["test"], [20, 21])
    np.testing.assert_array_equal(
        np.isnan(dataset.attributes.rows(np.array([20, 21])).column("label")), [False, True]
    )
    assert [each.names for each in dataset.left_out] == [("boxes",)]
    asked = len([line for line in hub.asked if "/resolve/" in line])
    again = distaff.data.load("hf:they/pets")
    assert again.left_out == dataset.left_out
    assert len([line for line in hub.asked if "/resolve/" in line]) <= 2 * asked


def test_folders_of_images_on_the_hub(hub):
    hub.repositories["dataset", "they/plain"] = {
        f"{name}/{k}.png": png(40 * k) for name in ("left", "right") for k in range(5)
    }
    dataset = distaff.data.load("hf:they/plain")
    assert dataset.attributes.get("label").values == ("left", "right")
    assert len(dataset.images) == 10


@pytest.mark.parametrize(
    ("source", "said"),
    [("hf:they/none", "no such repository"), ("hf", "hf:ORG/NAME"), ("hf:they/text", "images")],
)
def test_data_that_are_not_there_are_said_in_one_line(hub, source, said):
    hub.repositories["dataset", "they/text"] = {"data/train.parquet": plain_table()}
    with pytest.raises(distaff.InputError, match=said):
        distaff.data.load(source)


def plain_table():
    file = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"]}), file)
    return file.getvalue()
