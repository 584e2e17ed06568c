"""How much each latent carries: its KL to the prior in nats per picture."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.figures.activity import mean_kl
from distaff.figures.material import Material
from distaff.figures.style import ACCENT, IDLE, MUTED, OKABE_ITO, SMALL, dress, elide, number, page, words
from distaff.model import judge_collapse
from distaff.model.collapse import DEAD_BELOW

MOST = 64
"""Bars at most; beyond, the smallest are left out and said."""

NAMED = 40
"""Up to this many bars each bear their name."""

ATTRIBUTE = OKABE_ITO[1]


def kl(material: Material) -> Figure:
    """Draw the mean KL of every dimension as bars, the largest first."""
    found = mean_kl(material)
    verdict = judge_collapse(found)
    attributes = {each.attribute for each in material.model.network.latent.attribute_blocks}
    blocks = {each.label: each.block for each in material.model.latents}
    names = sorted(found, key=lambda name: -found[name])
    shown = names[:MOST]
    heights = [found[name] for name in shown]
    supervised = [blocks.get(name, name) in attributes for name in shown]
    colours = [
        IDLE if name in verdict.dead else ATTRIBUTE if is_attribute else ACCENT
        for name, is_attribute in zip(shown, supervised, strict=True)
    ]
    left_out = f" The {len(shown)} largest of {len(names)} are shown." if len(names) > MOST else ""
    figure = page(
        max(6.0, min(12.0, 1.4 + 0.42 * len(shown))),
        3.6,
        verdict.sentence.split(". ")[0].rstrip(".:"),
        "Mean KL divergence from the prior in nats per picture, over "
        f"{len(material.posterior.kl):,} {material.split} pictures; {number(sum(found.values()))} nats "
        f"in all.{left_out}",
    )
    axes = figure.add_subplot()
    dress(axes, ylabel="KL in nats per picture")
    bars = axes.bar(np.arange(len(shown)), heights, width=0.72, color=colours)
    # Few bars stay slim, in the middle.
    beside = max(0, 6 - len(shown)) / 2
    axes.set_xlim(-0.6 - beside, len(shown) - 0.4 + beside)
    axes.set_ylim(0, max(*heights, 0.05, 0.05) * 1.12)
    axes.tick_params(axis="x", length=0)
    if len(shown) <= NAMED:
        labels = [elide(name, SMALL, 150) for name in shown]
        slanted = len(shown) > 24 or max(map(len, labels)) > 5
        axes.set_xticks(np.arange(len(shown)), labels, rotation=45 if slanted else 0, parse_math=False)
        for tick in axes.get_xticklabels():
            tick.set(ha="right" if slanted else "center", rotation_mode="anchor" if slanted else "default")
    else:
        axes.set_xticks([])
        axes.set_xlabel("latents, the most active first", **words(SMALL + 0.5, MUTED))
    if len(shown) <= 24:
        for bar, height in zip(bars, heights, strict=True):
            axes.annotate(
                f"{height:.2f}",
                (bar.get_x() + bar.get_width() / 2, height),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                **words(SMALL - 0.5, MUTED),
            )
    kinds = [("latent", ACCENT), ("attribute", ATTRIBUTE), (f"idle: under {DEAD_BELOW} nats", IDLE)]
    handles = [(bars[colours.index(colour)], name) for name, colour in kinds if colour in colours]
    if len(handles) > 1:
        axes.legend(
            *zip(*handles, strict=True),
            loc="upper right",
            frameon=False,
            prop={"family": "DejaVu Sans", "size": SMALL},
            labelcolor=MUTED,
        )
    return figure
