"""Which arithmetic to train in: bfloat16 where the machine computes in it, else float32."""

from __future__ import annotations

from typing import Literal

import torch

LightningPrecision = Literal["bf16-mixed", "32-true"]


def has_bfloat16() -> bool:
    """Tell whether this machine multiplies bfloat16 matrices in hardware."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.backends.mps.is_available():
        return False
    capabilities = torch.backends.cpu.get_cpu_capability()
    return capabilities.startswith("AVX512") and bool(torch.cpu._is_avx512_bf16_supported())


def lightning_precision(wanted: Literal["auto", "bf16", "32"]) -> LightningPrecision:
    """Return Lightning's name of the precision; `auto` and `bf16` fall back where there is no bfloat16."""
    return "bf16-mixed" if wanted != "32" and has_bfloat16() else "32-true"
