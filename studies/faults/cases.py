"""The runs that faults befall: small, each with something else that a resumed run must take up exactly."""

from __future__ import annotations

from typing import Any

SMALL = {
    "data.source": "digits",
    "data.count": 200,
    "network": "{mlp: {hidden: [16]}}",
    "train.batch": 24,
    "train.steps": 64,
    "train.valid_every": 20,
    "train.checkpoint_every": 9,
}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "few labels, their share of each batch, early stopping": (
        "supervised",
        {"data.labelled": 0.3, "train.labelled_share": 0.5, "train.early_stopping": 2, "train.valid_every": 4,
         "train.lr": 0.05, "train.precision": "32"},
    ),
    "conditional, bfloat16, a moving learning rate": (
        "conditional-vae",
        {"train.precision": "bf16", "train.lr": "{cosine: {from: 1.0e-3, to: 1.0e-5}}"},
    ),
    "class-separated, checkpoints by time": (
        "class-separated",
        {"train.checkpoint_every": 1000, "train.checkpoint_minutes": 0.001},
    ),
    "no validation images, clipped gradient": (
        "beta-vae",
        {"data.valid": 0, "train.gradient_clip": 1.0},
    ),
}  # fmt: skip


def words(case: str, **more: Any) -> list[str]:
    """Return the command line that trains a case, without its folder."""
    recipe, settings = CASES[case]
    told = [f"{name}={value}" for name, value in (SMALL | settings | more).items()]
    return ["train", recipe, "--no-page", *(word for each in told for word in ("--set", each))]
