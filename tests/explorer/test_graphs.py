"""ONNX: the graphs give what the model gives, and nothing of the machine that made them is in them."""

import numpy as np
import onnx
import onnxruntime
import pytest
from figure_runs import write_run

from distaff.errors import InputError
from distaff.explorer import graphs
from distaff.explorer.export import export_onnx

ROOTS = (b"site-packages", b"/src/", b"distaff", b"torch.nn")


def run_graph(content, **inputs):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("graphs") / "conditional", "conditional-vae")
    encoder, decoder = export_onnx(run, run.path / "model.onnx")
    assert (encoder.name, decoder.name) == ("model.encoder.onnx", "model.decoder.onnx")
    return run.model, encoder.read_bytes(), decoder.read_bytes()


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_conditional_model_is_its_graphs(conditional, batch):
    model, encoder, decoder = conditional
    pictures = np.random.default_rng(batch).random((batch, 1, 8, 8), dtype=np.float32)
    digits = np.arange(batch, dtype=np.float32)
    digits[0] = np.nan
    condition = model.condition_tensor({"digit": digits}, batch).numpy()
    read = run_graph(encoder, image=pictures, condition=condition)
    codes = model.encode(pictures, attributes={"digit": digits})
    np.testing.assert_allclose(read["code"], codes, atol=1e-5)
    assert read["log_variance"].shape == codes.shape
    drawn = run_graph(decoder, code=codes, condition=condition)["picture"]
    expected = model.decode(codes, attributes={"digit": digits})
    np.testing.assert_allclose(drawn[:, 0], expected, atol=1e-5)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_attribute_blocks_and_batch_normalisation_survive(colours):
    model = colours.model
    encoder, decoder = graphs.encoder_graph(model), graphs.decoder_graph(model)
    pictures = colours.images[:7].astype(np.float32) / np.float32(255)
    codes = model.encode(colours.images[:7])
    np.testing.assert_allclose(run_graph(encoder, image=pictures)["code"], codes, atol=1e-5)
    drawn = run_graph(decoder, code=codes)["picture"].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(drawn, model.decode(codes), atol=1e-5)
    graph = onnx.load_from_string(encoder)
    assert graph.opset_import[0].version == graphs.OPSET
    assert [each.name for each in graph.graph.input] == ["image"]


def test_no_trace_of_the_machine_is_left(conditional):
    for content in conditional[1:]:
        graph = onnx.load_from_string(content)
        for each in (graph, graph.graph, *graph.graph.node, *graph.graph.input, *graph.graph.initializer):
            assert not each.doc_string
            assert not each.metadata_props
        assert not any(root in content for root in ROOTS)


def test_half_weights_stay_under_half_a_grey_level(conditional, monkeypatch):
    model, _, decoder = conditional
    monkeypatch.setattr(graphs, "HALF_FROM", 0)
    monkeypatch.setattr(graphs, "HALVED_LEAST", 64)
    halved = graphs.decoder_graph(model, small=True)
    part = graphs.Decoder(model.network).eval()
    assert len(halved) < 0.8 * len(decoder)
    assert 0 < graphs.difference(halved, model, part, "code") < graphs.HALF_TOLERANCES["picture"]


def test_weights_that_matter_too_much_keep_their_precision(conditional, monkeypatch):
    model, encoder, _ = conditional
    monkeypatch.setattr(graphs, "HALF_FROM", 0)
    monkeypatch.setattr(graphs, "HALVED_LEAST", 64)
    part = graphs.Encoder(model.network).eval()
    graph = onnx.load_from_string(encoder)
    names = [each.name for each in graph.graph.initializer if graphs._may_halve(each)]
    every = graphs.difference(graphs.halve(graph, names).SerializeToString(), model, part, "image")
    monkeypatch.setitem(graphs.HALF_TOLERANCES, "code", 0.9 * every)
    some = graphs.encoder_graph(model, small=True)
    assert graphs.difference(some, model, part, "image") <= 0.9 * every
    assert len(graphs.halve(graph, names).SerializeToString()) < len(some) < len(encoder)
    monkeypatch.setitem(graphs.HALF_TOLERANCES, "code", 0.0)
    assert graphs.encoder_graph(model, small=True) == encoder


def test_a_graph_that_differs_is_refused(conditional, monkeypatch):
    model, _, decoder = conditional
    graph = onnx.load_from_string(decoder)
    monkeypatch.setattr(graphs, "_export", lambda *_: graph)
    assert graphs.decoder_graph(model) == decoder
    weight = next(each for each in graph.graph.initializer if each.data_type == onnx.TensorProto.FLOAT)
    shifted = onnx.numpy_helper.to_array(weight) + np.float32(0.1)
    weight.CopyFrom(onnx.numpy_helper.from_array(shifted, weight.name))
    with pytest.raises(InputError, match="the exported decoder differs from the model by 0"):
        graphs.decoder_graph(model)
