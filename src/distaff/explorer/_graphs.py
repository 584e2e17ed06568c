"""The encoder and the decoder of a model as ONNX graphs, checked against the model they come from.

For the page, weights take fewer bits, as far as what the graph computes allows. A weight becomes whole
numbers of b bits, times one scale for each of its rows. Their high and low bytes are kept apart, since gzip
finds what repeats in the high ones only where no low ones lie between. The graph puts them together by
operators that every runtime has, once, when it is opened; float32 holds the numbers exactly.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from distaff.errors import InputError
from distaff.latents import Normal
from distaff.model import Floats, Model
from distaff.vae import VAE

LEAST = 1024
"""Numbers of a weight from which on it is worth its operators."""
FEWEST, MOST = 9, 22
"""Bits of a weight."""
TRIES = 4
OPSET = 18
BATCHES = (1, 2, 7)
"""Batch sizes at which a graph is compared with the model."""
TOLERANCE = 1e-4
"""The largest difference allowed, relative to the largest number where that exceeds 1."""
PACKED_BATCH = 64
PACKED_TOLERANCES = {"image": 0.4 / 255, "code": 2.5e-4}
"""How far packed weights may move a pixel, and a number of a code."""
REACH = 2.0
"""How far maps and sliders go beyond the codes of images, in the extent of these."""
ROUNDING = 1e-5
"""By how much inputs are moved, about, to find where rounding decides what comes out."""


def pack_weights(graph: onnx.ModelProto, moved: Callable[[bytes], float], allowed: float) -> bytes:
    """Return the graph with each weight in as few bits as its output allows, or as it is.

    Args:
        graph: with float32 weights.
        moved: how far the output of a graph is from what it should be.
        allowed: how far it may be.
    """
    names = [
        each.name
        for each in graph.graph.initializer
        if each.data_type == onnx.TensorProto.FLOAT and np.prod(each.dims) >= LEAST
    ]
    # Errors of several weights add like independent ones, about.
    share = allowed / max(1, len(names)) ** 0.5
    for _ in range(TRIES):
        bits = {name: _fewest(graph, name, moved, share) for name in names}
        content: bytes = in_bits(graph, bits).SerializeToString()
        if moved(content) <= allowed:
            return content
        share /= 2
    whole: bytes = graph.SerializeToString()
    return whole


def _fewest(graph: onnx.ModelProto, name: str, moved: Callable[[bytes], float], allowed: float) -> int | None:
    """Return the fewest bits in which a weight alone moves the output no farther; None if all are too few."""
    fewest, left = None, range(FEWEST, MOST + 1)
    while left:
        middle = left[len(left) // 2]
        if moved(in_bits(graph, {name: middle}).SerializeToString()) <= allowed:
            fewest, left = middle, range(left.start, middle)
        else:
            left = range(middle + 1, left.stop)
    return fewest


def in_bits(graph: onnx.ModelProto, bits: Mapping[str, int | None]) -> onnx.ModelProto:
    """Return the graph with the named weights as whole numbers of so many bits; None leaves one as it is."""
    packed = onnx.ModelProto()
    packed.CopyFrom(graph)
    kept, nodes = onnx.GraphProto(), onnx.GraphProto()
    for weight in packed.graph.initializer:
        count = bits.get(weight.name)
        if count is None:
            kept.initializer.append(weight)
            continue
        planes, scale, offset = _planes(numpy_helper.to_array(weight), count)
        arrays = {f"byte{place}": plane for place, plane in enumerate(planes)}
        factors = {f"factor{place}": np.float32(256**place) for place in range(1, len(planes))}
        for part, array in {**arrays, **factors, "scale": scale, "offset": offset}.items():
            kept.initializer.append(numpy_helper.from_array(np.asarray(array), f"{weight.name}.{part}"))
        nodes.node.extend(_put_together(weight.name, len(planes)))
    nodes.node.extend(packed.graph.node)
    del packed.graph.initializer[:], packed.graph.node[:]
    packed.graph.initializer.extend(kept.initializer)
    packed.graph.node.extend(nodes.node)
    return packed


def _put_together(name: str, planes: int) -> list[onnx.NodeProto]:
    """Return the operators that make a weight of its bytes: (byte0 + 256 byte1 + ... + offset) * scale."""
    nodes = []

    def operate(kind: str, inputs: Sequence[str], output: str) -> None:
        nodes.append(helper.make_node(kind, [f"{name}.{each}" for each in inputs], [output]))

    total = "offset"
    for place in range(planes):
        operate("Cast", [f"byte{place}"], f"{name}.number{place}")
        nodes[-1].attribute.append(helper.make_attribute("to", int(onnx.TensorProto.FLOAT)))
        number = f"number{place}"
        if place:
            operate("Mul", [number, f"factor{place}"], f"{name}.part{place}")
            number = f"part{place}"
        operate("Add", [total, number], f"{name}.sum{place}")
        total = f"sum{place}"
    operate("Mul", [total, "scale"], name)
    return nodes


def _planes(
    values: npt.NDArray[np.float32], bits: int
) -> tuple[list[npt.NDArray[np.uint8]], npt.NDArray[np.float32], np.float32]:
    """Return the bytes of a weight's whole numbers, lowest first, the scale of each row, and the offset."""
    most = 2 ** (bits - 1) - 1
    rest = tuple(range(1, values.ndim))
    scale = np.abs(values).max(axis=rest, keepdims=True).astype(np.float64) / most
    scale[scale == 0] = 1
    whole = np.rint(values / scale).astype(np.int64) + most
    planes = [(whole >> 8 * place & 255).astype(np.uint8) for place in range(-(-bits // 8))]
    return planes, scale.astype(np.float32), np.float32(-most)


class Encoder(nn.Module):
    """Images [n, c, h, w] in [0, 1] (and a condition [n, k]) to codes [n, D] as `Model.encode` gives them.

    A second output holds the log-variances [n, g] of the latents with a normal posterior, if there are any.
    """

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Return the codes, and the log-variances."""
        posteriors = self.vae.encode(image, condition)
        code = self.vae.latents.mode(posteriors)
        spreads = [each.log_variance for each in posteriors.values() if isinstance(each, Normal)]
        return (code, torch.cat(spreads, dim=1)) if spreads else code


class Decoder(nn.Module):
    """Codes [n, D] (and a condition [n, k]) to images [n, c, h, w] in [0, 1]."""

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, code: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the images that the likelihood shows."""
        return self.vae.likelihood.image(self.vae.decode(code, condition))


def encoder_graph(model: Model, *, shown: Floats | None = None) -> bytes:
    """Return the encoder as an ONNX file: `image` (and `condition`) to `code` (and `log_variance`).

    With codes `shown` [n, D], the weights take fewer bits, as far as codes of images that the model decodes
    hardly move.
    """
    encoder = Encoder(model.vae).eval()
    with torch.inference_mode():
        found = encoder(*_random_inputs(model, "image", 1))
    outputs = ["code", "log_variance"] if isinstance(found, tuple) else ["code"]
    return _graph(model, encoder, "image", outputs, shown)


def decoder_graph(model: Model, *, shown: Floats | None = None) -> bytes:
    """Return the decoder as an ONNX file: `code` (and `condition`) to `image`.

    With codes `shown` [n, D], the weights take fewer bits, as far as no pixel moves by half a grey level, for
    codes of the prior and for those around the shown ones.
    """
    return _graph(model, Decoder(model.vae).eval(), "code", ["image"], shown)


def condition_width(model: Model) -> int:
    """Return how many numbers the condition takes; 0 without a condition."""
    condition = model.condition_code({}, 1)
    return 0 if condition is None else condition.shape[1]


def _graph(model: Model, part: nn.Module, first: str, outputs: list[str], shown: Floats | None) -> bytes:
    inputs = [first, *(["condition"] if model.condition else [])]
    graph = _export(part, _random_inputs(model, first, 2), inputs, outputs)
    content: bytes = graph.SerializeToString()
    found = difference(content, [case_of(part, _random_inputs(model, first, batch)) for batch in BATCHES])
    if not found <= TOLERANCE:
        raise InputError(
            f"onnx: the exported {type(part).__name__.lower()} differs from the model by {found:.2g}; "
            "its numbers may be too large for float32"
        )
    if shown is None:
        return content
    usual = usual_cases(model, part, first, shown)
    allowed = PACKED_TOLERANCES[outputs[0]]
    return pack_weights(graph, lambda packed: difference(packed, usual, relative=False), allowed)


@dataclass(frozen=True)
class Case:
    """Arrays that a module takes, and between which numbers those lie that it gives."""

    given: list[Floats]
    low: list[Floats]
    high: list[Floats]


@torch.inference_mode()
def case_of(part: nn.Module, inputs: tuple[Tensor, ...]) -> Case:
    """Return what a module makes of inputs, and of such as differ from them by about what rounding does.

    Where a code jumps, at the edge between two classes or two values of a codebook, rounding decides the
    side: both are right.
    """
    random = torch.Generator(inputs[0].device).manual_seed(0)
    step = ROUNDING * torch.randn(inputs[0].shape, generator=random, device=inputs[0].device)
    outputs = []
    for moved in (inputs[0], inputs[0] + step, inputs[0] - step):
        output = part(moved, *inputs[1:])
        outputs.append(output if isinstance(output, tuple) else (output,))
    several = [torch.stack(each).cpu().numpy() for each in zip(*outputs, strict=True)]
    given = [each.cpu().numpy() for each in inputs]
    return Case(given, [each.min(axis=0) for each in several], [each.max(axis=0) for each in several])


def usual_cases(model: Model, part: nn.Module, first: str, shown: Floats) -> list[Case]:
    """Return what a module makes of codes of the prior and around the shown ones, or of their images."""
    found = []
    prior = _random_inputs(model, "code", PACKED_BATCH)
    around = torch.from_numpy(_around(shown, PACKED_BATCH)).to(model.device)
    for code, *condition in (prior, (around, *prior[1:])):
        with torch.inference_mode():
            given = code if first == "code" else Decoder(model.vae)(code, *condition)
        found.append(case_of(part, (given, *condition)))
    return found


def _around(codes: Floats, count: int) -> Floats:
    """Return some of the codes [n, D], two numbers of each moved to anywhere that maps and sliders reach."""
    random = np.random.default_rng(0)
    chosen = codes[random.integers(0, len(codes), count)]
    low, high = codes.min(axis=0), codes.max(axis=0)
    share = 0.5 + REACH * (random.random(chosen.shape) - 0.5)
    moved = random.permuted(np.tile(np.arange(codes.shape[1]) < 2, (count, 1)), axis=1)
    return np.where(moved, low + share * (high - low), chosen).astype(np.float32)


def difference(content: bytes, cases: Sequence[Case], *, relative: bool = True) -> float:
    """Return the largest difference between what a graph gives and what is expected; NaN if it gives any.

    `relative`: to the largest number of an output where that exceeds 1.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    largest = 0.0
    for case in cases:
        given = dict(zip(names, case.given, strict=True))
        for mine, low, high in zip(session.run(None, given), case.low, case.high, strict=True):
            scale = max(1.0, *(float(np.abs(each).max(initial=0)) for each in (low, high)))
            beyond = np.maximum(low - mine, mine - high).max(initial=0)
            # NumPy's maximum keeps NaN, which Python's loses.
            largest = float(np.maximum(largest, beyond / scale if relative else beyond))
    return largest


@torch.no_grad()
def _random_inputs(model: Model, first: str, batch: int) -> tuple[Tensor, ...]:
    """Return random images or codes, and a condition, by a fixed seed, on the model's device."""
    generator = torch.Generator(model.device).manual_seed(batch)
    width = condition_width(model)
    condition = torch.rand(batch, width, generator=generator, device=model.device) if width else None
    if first == "image":
        given = torch.rand(batch, *model.image_shape, generator=generator, device=model.device)
    else:
        given = model.vae.latents.sample_prior(batch, generator, model.device)
    return (given,) if condition is None else (given, condition)


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


@contextmanager
def _quiet_export() -> Iterator[None]:
    """Keep the exporter's remarks on its own workings from people."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
