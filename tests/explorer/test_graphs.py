"""ONNX: the graphs give what the model gives, and nothing of the machine that made them is in them."""

import gzip

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_runs import colour_dataset, write_run

from distaff.errors import InputError
from distaff.explorer import _graphs, export
from distaff.parts import FAMILIES, is_foreign, parts_of
from distaff.recipe import Recipe

ROOTS = (b"site-packages", b"/src/", b"distaff", b"torch.nn")


def run_graph(content, **inputs):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def assert_same(model, encoder, decoder, images, condition=None):
    """The graphs of a model encode and decode images as the model does."""
    given = {} if condition is None else {"condition": model.condition_code(condition, len(images)).numpy()}
    read = run_graph(encoder, image=images.astype(np.float32) / np.float32(255), **given)
    codes = model.encode(images, indices=condition)
    np.testing.assert_allclose(read["code"], codes, atol=1e-4)
    decoded = run_graph(decoder, code=codes, **given)["image"].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(
        decoded, model.decode(codes, indices=condition).reshape(decoded.shape), atol=1e-4
    )
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    return read


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("graphs") / "conditional", "conditional-vae")
    encoder, decoder = export([run], run.path / "model.v2.onnx")
    assert (encoder.name, decoder.name) == ("model.v2.encoder.onnx", "model.v2.decoder.onnx")
    return run.model, encoder.read_bytes(), decoder.read_bytes()


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_conditional_model_is_its_graphs(conditional, batch):
    images = np.random.default_rng(batch).integers(0, 256, (batch, 1, 8, 8), dtype=np.uint8)
    digits = np.arange(batch, dtype=np.float32)
    digits[0] = np.nan
    read = assert_same(*conditional, images, {"digit": digits})
    assert read["log_variance"].shape == read["code"].shape


MODELS = {
    "mlp": ({"mlp": {"hidden": [16]}}, "bernoulli", ["softmax", {"gaussian": {"name": "style", "size": 2}}]),
    "conv": (
        {"conv": {"channels": [4, 8], "hidden": [16]}},
        "gaussian",
        [
            {"gaussian": {"size": 3, "prior": {"mixture": {"components": 4}}}},
            {"quantised": {"name": "q"}},
            {"sphere": {"name": "s"}},
        ],
    ),
    "resnet": (
        {"resnet": {"channels": [8, 8], "hidden": [16]}},
        "laplace",
        [
            {"gaussian": {"size": 3, "scale": "softplus", "prior": {"vamp": {"inputs": 4}}}},
            {"sampled": {"attributes": ["side"]}},
            {"argmax": {"attributes": ["size"]}},
            {"argmax_norm": {"attributes": ["angle"]}},
            {"l2": {"attributes": ["weight"]}},
            {"gumbel": {"classes": 3}},
        ],
    ),
    "pair": (
        {"pair": {"encoder": {"folded": {"channels": 4, "hidden": [16]}}, "decoder": "locatello"}},
        {"mse": {"mean": 0.3, "deviation": 0.4}},
        [{"quantised": {"learned": False}}],
    ),
    "fc": (
        {"pair": {"encoder": "fc", "decoder": {"folded": {"channels": 4}}}},
        "discretised_logistic",
        [{"gaussian": {"size": 2, "prior": {"regions": {"attribute": "side"}}}}],
    ),
    "keras": ("keras", "bernoulli", ["gaussian"]),
    "style": (
        {"style": {"channels": [4, 8], "hidden": [16]}},
        "bernoulli",
        [
            {"gaussian": {"size": 3, "prior": {"class": {"attribute": "side"}}}},
            {"sphere": {"name": "s", "posterior": "vmf"}},
        ],
    ),
}
"""Each part of the models at least once: what is exported does not depend on its neighbours."""
FIRST = ("resnet", "keras")
"""The models of the quick tests."""


@pytest.mark.parametrize(
    "name", [each if each in FIRST else pytest.param(each, marks=pytest.mark.slow) for each in MODELS]
)
def test_every_part_is_its_graph(tmp_path, name):
    network, likelihood, space = MODELS[name]
    loss = {"reconstruction": {}} if name == "pair" else {"kl": {}}
    fields = {"network": network, "likelihood": likelihood, "latent": space, "loss": [loss]}
    dataset = colour_dataset(shape=(1, 28, 28) if name == "keras" else (3, 16, 16))
    recipe = Recipe.model_validate({"data": "digits", **fields})
    run = write_run(tmp_path / "run", recipe, dataset, network=network)
    graphs = _graphs.encoder_graph(run.model), _graphs.decoder_graph(run.model)
    read = assert_same(run.model, *graphs, dataset.images.take(np.arange(7)))
    assert ("log_variance" in read) == (name != "pair")


def test_no_part_was_forgotten():
    recipes = [
        Recipe.model_validate({"network": network, "latent": space, "likelihood": likelihood})
        for network, likelihood, space in MODELS.values()
    ]
    used = {(part.family, part.tag) for recipe in recipes for part in parts_of(recipe)}
    for family in ("network", "latent", "likelihood", "prior"):
        own = {tag for tag, part in FAMILIES[family].items() if not is_foreign(part.__module__)}
        assert own <= {tag for kind, tag in used if kind == family}


def test_no_trace_of_the_machine_is_left(conditional):
    for content in conditional[1:]:
        graph = onnx.load_from_string(content)
        assert graph.opset_import[0].version == _graphs.OPSET
        for each in (graph, graph.graph, *graph.graph.node, *graph.graph.input, *graph.graph.initializer):
            assert not each.doc_string
            assert not each.metadata_props
        assert not any(root in content for root in ROOTS)


def test_the_model_is_left_as_it_was(conditional):
    model, _, decoder = conditional
    before = {name: tensor.clone() for name, tensor in model.vae.state_dict().items()}
    assert _graphs.decoder_graph(model) == decoder
    assert all(torch.equal(before[name], tensor) for name, tensor in model.vae.state_dict().items())
    assert not model.vae.training


def test_packed_weights_stay_under_half_a_grey_level(conditional, monkeypatch):
    model, encoder, decoder = conditional
    monkeypatch.setattr(_graphs, "LEAST", 64)
    random = np.random.default_rng(0)
    shown = random.normal(size=(500, model.code_size)).astype(np.float32) * 3
    small, part = _graphs.decoder_graph(model, shown=shown), _graphs.Decoder(model.vae).eval()
    assert len(gzip.compress(small)) < 0.7 * len(gzip.compress(decoder))
    moved = _graphs.difference(small, _graphs.usual_cases(model, part, "code", shown), relative=False)
    assert 0 < moved <= _graphs.PACKED_TOLERANCES["image"]
    low, high = 2 * shown.min(axis=0), 2 * shown.max(axis=0)
    corners = shown[:200].copy()
    corners[:, :2] = random.uniform(low[:2], high[:2], (200, 2))
    inputs = torch.from_numpy(corners), torch.from_numpy(model.condition_code({}, 200).numpy())
    moved = _graphs.difference(small, [_graphs.case_of(part, inputs)], relative=False)
    assert moved <= 0.5 / 255
    small, part = _graphs.encoder_graph(model, shown=shown), _graphs.Encoder(model.vae).eval()
    assert len(gzip.compress(small)) < 0.7 * len(gzip.compress(encoder))
    moved = _graphs.difference(small, _graphs.usual_cases(model, part, "image", shown), relative=False)
    assert 0 < moved <= _graphs.PACKED_TOLERANCES["code"]


@pytest.mark.parametrize(
    "latent",
    [{"quantised": {"values": 4}}, {"argmax": {"attributes": ["digit"]}}, {"gumbel": {"classes": 3}}],
    ids=lambda each: next(iter(each)),
)
def test_what_rounding_decides_is_no_difference(tmp_path, latent):
    """Between two images of different codes lies one where the smallest step changes the code."""
    run = write_run(tmp_path / "run", "vae", latent=[latent, {"gaussian": {"name": "rest"}}])
    encoder = _graphs.Encoder(run.model.vae).eval()
    graph = _graphs.encoder_graph(run.model)
    stop = run.model.slices[next(iter(run.model.vae.latents)).name].stop

    def code(image):
        with torch.inference_mode():
            return encoder(image)[0][:, :stop]

    random = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, *run.model.image_shape, generator=random)
    first, second = next((a, b) for a in images for b in images if not torch.equal(code(a), code(b)))
    for _ in range(60):
        middle = (first + second) / 2
        first, second = (middle, second) if torch.equal(code(middle), code(first)) else (first, middle)
    gap = float((code(first) - code(second)).abs().max())
    assert gap > 1e-3
    case = _graphs.case_of(encoder, (first,))
    assert float((case.high[0] - case.low[0]).max()) == pytest.approx(gap, abs=1e-4)
    assert _graphs.difference(graph, [case, _graphs.case_of(encoder, (second,))]) < _graphs.TOLERANCE


def test_a_graph_that_gives_nan_differs(conditional):
    model, _, decoder = conditional
    part = _graphs.Decoder(model.vae).eval()
    case = _graphs.case_of(part, (torch.zeros(2, model.code_size), model.condition_code({}, 2)))
    case.given[0][0, 0] = np.nan
    assert np.isnan(_graphs.difference(decoder, [case]))


def test_each_weight_is_packed_as_far_as_the_output_allows(conditional, monkeypatch):
    monkeypatch.setattr(_graphs, "LEAST", 64)
    graph = onnx.load_from_string(conditional[2])
    whole = graph.SerializeToString()
    first, *rest = [each.name for each in graph.graph.initializer if np.prod(each.dims) >= 64]

    def packed(content):
        """The bits that a graph's weights seem to have: the largest whole number says."""
        parts = {
            each.name: onnx.numpy_helper.to_array(each)
            for each in onnx.load_from_string(content).graph.initializer
        }
        return {
            name: int(parts[f"{name}.byte1"].max()).bit_length() + 8
            for name in (first, *rest)
            if f"{name}.byte1" in parts
        }

    def moved(content):
        return sum((12 if name == first else 10) > bits for name, bits in packed(content).items())

    content = _graphs.pack_weights(graph, moved, 0.1)
    assert packed(content) == {first: 12} | dict.fromkeys(rest, 10)
    assert _graphs.pack_weights(graph, lambda _: 1.0, 0.1) == whole
    sensitive = _graphs.pack_weights(graph, lambda content: float(first in packed(content)), 0.1)
    assert packed(sensitive) == dict.fromkeys(rest, 9)


@pytest.mark.parametrize("bits", [9, 12, 16, 17, 22])
def test_a_packed_weight_is_off_by_half_a_step_at_most(bits):
    values = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    values[3], values[:, 7] = 0, 100
    node = onnx.helper.make_node("MatMul", ["x", "weight"], ["y"])
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 40])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 50])],
        [onnx.numpy_helper.from_array(values, "weight")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    packed = _graphs.in_bits(model, {"weight": bits}).SerializeToString()
    found = run_graph(packed, x=np.eye(40, dtype=np.float32))["y"]
    step = np.abs(values).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    assert (np.abs(found - values) <= 0.5 * step + 1e-5).all()
    assert (found[3] == 0).all() or values[3, 7] == 100


def test_a_graph_that_differs_is_refused(conditional, monkeypatch):
    model, _, decoder = conditional
    graph = onnx.load_from_string(decoder)
    monkeypatch.setattr(_graphs, "_export", lambda *_: graph)
    assert _graphs.decoder_graph(model) == decoder
    weight = next(each for each in graph.graph.initializer if each.data_type == onnx.TensorProto.FLOAT)
    shifted = onnx.numpy_helper.to_array(weight) + np.float32(0.1)
    weight.CopyFrom(onnx.numpy_helper.from_array(shifted, weight.name))
    with pytest.raises(InputError, match="the exported decoder differs from the model by 0"):
        _graphs.decoder_graph(model)


def test_graphs_are_of_one_run(tmp_path, plane_run):
    with pytest.raises(InputError, match="of one run, not of 2"):
        export([plane_run, plane_run], tmp_path / "both.onnx")
    with pytest.raises(InputError, match=r"export writes \.html or \.onnx"):
        export([plane_run], tmp_path / "model.pt")
    assert not list(tmp_path.iterdir())
