"""The verdict on collapse in words."""

from __future__ import annotations

import torch

from distaff.analysis import judge_collapse


def test_verdicts():
    none = judge_collapse({"z0": 2.0, "z1": 0.5})
    assert (none.verdict, none.sentence) == ("none", "Both latents are in use (2.5 nats).")
    assert judge_collapse({"z": 2.0}).sentence == "The only latent is in use (2 nats)."
    some = judge_collapse({"z0": 2.0, "z1": 0.001})
    assert (some.verdict, some.used, some.unused) == ("some", ("z0",), ("z1",))
    assert "1 of 2 latents is unused, under 0.01 nats (z1); the other carries 2 nats" in some.sentence
    assert "normal" in some.sentence
    every = judge_collapse({f"z{i}": 0.009 for i in range(32)})
    assert every.verdict == "all"
    assert every.sentence.startswith("The posterior has collapsed: all 32 latents carry less than 0.01 nats")
    assert "the decoder ignores them. Lower beta" in every.sentence
    assert "..." in judge_collapse({"z": 1.0} | {f"z{i}": 0.0 for i in range(9)}).sentence


def test_a_collapse_after_few_steps_is_called_early():
    early = judge_collapse({"z0": 0.0}, steps=50)
    assert early.verdict == "all"
    assert "only 50 steps" in early.sentence
    assert "beta" not in early.sentence
    assert "beta" in judge_collapse({"z0": 0.0}, steps=12_000).sentence


def test_latents_without_a_divergence_are_described_by_their_values():
    found = judge_collapse({}, values={"z0": 10, "z1": 1})
    assert (found.verdict, found.used, found.unused) == ("none", ("z0",), ("z1",))
    assert "collapsed" not in found.sentence
    assert "beta" not in found.sentence
    many = judge_collapse({"style": 3.0}, values={f"z{i}": i + 1 for i in range(12)})
    assert many.sentence.startswith(
        "The only latent is in use (3 nats). 12 latents without a KL take 2 to 12"
    )
    assert "1 are constant and so unused" in many.sentence
    assert "no latent" in judge_collapse({}).sentence


def test_a_quantised_model_never_hears_of_beta(digits_analysis):
    analysis = digits_analysis("vae", latent=[{"quantised": {"size": 3, "values": 4}}], loss=["quantise"])
    with torch.no_grad():
        analysis.model.vae.head.weight *= 20
    found = analysis.collapse
    assert analysis.kl == {}
    assert {each.values for each in analysis.latents} <= {1, 2, 3, 4}
    assert all(each.kl is None for each in analysis.latents)
    assert found.verdict == "none"
    assert "collapse" not in found.sentence
    assert "beta" not in found.sentence
