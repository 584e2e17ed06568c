"""The encoder and the decoder of a model as ONNX graphs, checked against the model they come from."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from distaff.autoencoder import Autoencoder
from distaff.errors import InputError
from distaff.model import Model
from distaff.model.bound import DRAWN

if TYPE_CHECKING:
    import onnx

OPSET = 18
BATCHES = (1, 2, 7)
"""Batch sizes at which a graph is compared with the model."""
TOLERANCE = 1e-4
"""The largest difference allowed, relative to the largest number where that exceeds 1."""
HALF_FROM = 1_000_000
"""Bytes from which on a page keeps weights as float16, where what they compute allows."""
HALF_TOLERANCES = {"picture": 0.5 / 255, "code": 5e-4}
"""How far float16 weights may move a pixel, and a code as a share of its largest number."""
HALVED_LEAST = 1024
"""Numbers of a weight from which on it is worth a cast."""


class Encoder(nn.Module):
    """Pictures [n, c, h, w] in [0, 1] (and a condition [n, k]) to mean codes [n, D].

    A second output holds the log-variances [n, g] of the latents with a normal posterior, if there are any.
    """

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Return the codes, and the log-variances."""
        states, latent = self.network.encode(image, condition), self.network.latent
        code = latent.join(states)
        spreads = [states[block.name].log_variance for block in latent if block.kind in DRAWN]
        known = [spread for spread in spreads if spread is not None]
        return (code, torch.cat(known, dim=1)) if known else code


class Decoder(nn.Module):
    """Codes [n, D] (and a condition [n, k]) to pictures [n, c, h, w] in [0, 1]."""

    def __init__(self, network: Autoencoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, code: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the pictures that the likelihood shows."""
        return self.network.likelihood.picture(self.network.decode(code, condition))


def encoder_graph(model: Model, *, small: bool = False) -> bytes:
    """Return the encoder as an ONNX file: `image` (and `condition`) to `code` (and `log_variance`).

    `small` keeps weights of a large encoder as float16, as far as codes do not move beyond a tolerance.
    """
    blocks = model.network.latent
    names = ["code", *(["log_variance"] if any(block.kind in DRAWN for block in blocks) else [])]
    return _graph(model, Encoder(model.network), "image", names, small=small)


def decoder_graph(model: Model, *, small: bool = False) -> bytes:
    """Return the decoder as an ONNX file: `code` (and `condition`) to `picture`.

    `small` keeps weights of a large decoder as float16, as far as no pixel moves by half a grey level.
    """
    return _graph(model, Decoder(model.network), "code", ["picture"], small=small)


def condition_width(model: Model) -> int:
    """Return how many numbers the condition takes; 0 without a condition."""
    condition = model.condition_tensor(None, 1)
    return 0 if condition is None else condition.shape[1]


def _graph(model: Model, part: nn.Module, first: str, outputs: list[str], *, small: bool = False) -> bytes:
    part = part.eval()
    inputs = [first, *(["condition"] if model.condition else [])]
    graph = _export(part, _examples(model, first, 2), inputs, outputs)
    content: bytes = graph.SerializeToString()
    found = difference(content, model, part, first)
    if not found <= TOLERANCE:
        raise InputError(
            f"onnx: the exported {type(part).__name__.lower()} differs from the model by {found:.2g}; "
            "its numbers may be too large for float32"
        )
    return lighten(graph, model, part, first, outputs[0]) if small and len(content) > HALF_FROM else content


def lighten(graph: onnx.ModelProto, model: Model, part: nn.Module, first: str, output: str) -> bytes:
    """Return the graph with as many weights as float16 as its output allows.

    Weights are given back their precision one by one, the one that matters most first.
    """

    def moved(names: Sequence[str]) -> float:
        return difference(halve(graph, names).SerializeToString(), model, part, first)

    names = [each.name for each in graph.graph.initializer if _may_halve(each)]
    names.sort(key=lambda name: moved([name]))
    while names and not moved(names) <= HALF_TOLERANCES[output]:
        names.pop()
    content: bytes = halve(graph, names).SerializeToString()
    return content


def difference(content: bytes, model: Model, part: nn.Module, first: str) -> float:
    """Return the largest difference between a graph and the module it was made from.

    Differences are relative to the largest number of an output where that exceeds 1.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    largest = 0.0
    for batch in BATCHES:
        examples = _examples(model, first, batch)
        with torch.inference_mode():
            expected = part(*examples)
        given = {name: each.cpu().numpy() for name, each in zip(names, examples, strict=True)}
        for mine, theirs in zip(session.run(None, given), _several(expected), strict=True):
            true = theirs.cpu().numpy()
            scale = max(1.0, float(np.abs(true).max(initial=0)))
            largest = max(largest, float(np.abs(mine - true).max(initial=0)) / scale)
    return largest


def _several(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)


def _examples(model: Model, first: str, batch: int) -> tuple[Tensor, ...]:
    """Return random pictures or codes, and a condition, by a fixed seed."""
    generator = torch.Generator(model.device).manual_seed(batch)
    if first == "image":
        given = torch.rand(batch, *model.image_shape, generator=generator, device=model.device)
    else:
        given = model.network.latent.draw_prior(batch, generator, model.device)
    width = condition_width(model)
    if not width:
        return (given,)
    return given, torch.rand(batch, width, generator=generator, device=model.device)


def _export(
    part: nn.Module, examples: Sequence[Tensor], inputs: list[str], outputs: list[str]
) -> onnx.ModelProto:
    batch = torch.export.Dim("batch")
    with _quiet_export():
        program = torch.onnx.export(
            part,
            tuple(examples),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            dynamic_shapes=tuple({0: batch} for _ in examples),
            input_names=inputs,
            output_names=outputs,
            verbose=False,
        )
    assert program is not None
    return _strip(program.model_proto)


def _strip(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what says where and how the graph was made: each node carries a trace with absolute paths."""
    whole = graph.graph
    for each in (
        graph,
        whole,
        *whole.node,
        *whole.input,
        *whole.output,
        *whole.value_info,
        *whole.initializer,
    ):
        each.doc_string = ""
        del each.metadata_props[:]
    del whole.value_info[:]
    return graph


def _may_halve(weight: onnx.TensorProto) -> bool:
    import onnx

    values = onnx.numpy_helper.to_array(weight)
    fits = values.dtype == np.float32 and np.abs(values).max(initial=0) < np.finfo(np.float16).max
    return bool(fits) and values.size >= HALVED_LEAST


def halve(graph: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return the graph with the named weights as float16, cast to float32 where used."""
    import onnx

    halved = onnx.ModelProto()
    halved.CopyFrom(graph)
    casts = []
    for weight in halved.graph.initializer:
        name = weight.name
        if name not in names:
            continue
        values = onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Keep the exporter's remarks on its own workings from people."""
    logger: Any = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
