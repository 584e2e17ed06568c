"""Two runs side by side: latents matched by correlation, or by hand, and every image is its run's."""

import re

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from visiting import assert_same, pixels


@pytest.fixture(scope="module")
def pair(visits, both):
    with visits(both.file, "#view=compare") as visited:
        visited.page.wait_for_timeout(300)
        visited.settle()
        yield visited


@pytest.fixture(scope="module")
def codes(both):
    blocks = both.bundle.blocks
    return [
        np.frombuffer(blocks[f"{i}/codes"], np.float16).reshape(-1, 10).astype(np.float32) for i in (0, 1)
    ]


def selects(visited, plain):
    """Return the choice of the other run's latent beside each of the first run's."""
    found = {}
    for latent in plain.model.latents:
        name = f"Latent of other beside {latent.label}"
        found[latent.index] = visited.page.get_by_role("combobox", name=name, exact=True)
    return found


def test_latents_are_matched_by_correlation(pair, plain, codes):
    correlation = np.nan_to_num(np.corrcoef(codes[0].T, codes[1].T)[:10, 10:])
    rows, columns = linear_sum_assignment(-np.abs(correlation))
    chosen = [int(each.input_value()) for each in selects(pair, plain).values()]
    assert sorted(chosen) == list(range(10))
    # Unused latents correlate with none, so several matches may be as good.
    best, found = (np.abs(correlation[rows, each]).sum() for each in (columns, chosen))
    assert found == pytest.approx(best, abs=1e-4)
    told = pair.page.get_by_role("tabpanel").inner_text().replace("−", "-").replace("-0.00", "0.00")
    shown = [float(each) for each in re.findall(r"= (-?[0-9.]+)", told)]
    np.testing.assert_allclose(sorted(shown), sorted(correlation[rows, chosen]), atol=0.0051)


def test_each_run_decodes_its_own_image(pair, plain, both, codes):
    decoded = [run.model.decode(code) * 255 for run, code in zip((plain, both), codes, strict=True)]

    def rows():
        """Return the test images that both runs show: nearly all models decode some of them alike."""
        near = np.ones(len(codes[0]), bool)
        for name, images in zip(("plain", "other"), decoded, strict=True):
            shown = pixels(pair.page.get_by_role("img", name=f"The image decoded by {name}"))
            near &= np.abs(images - shown[..., 0]).max(axis=(1, 2)) <= 1
        return frozenset(np.flatnonzero(near).tolist())

    seen = {rows()}
    for _ in range(4):
        pair.page.get_by_role("button", name="Random test image").last.click()
        pair.settle()
        seen.add(rows())
    assert all(seen)
    assert len(seen) > 1


def test_a_match_can_be_overridden(pair, plain):
    select = selects(pair, plain)[0]
    strip = select.locator("xpath=ancestor::*[.//canvas][1]").locator("canvas")
    before = np.stack([pixels(each) for each in strip.all()])
    other = (int(select.input_value()) + 5) % 10
    select.select_option(value=str(other))
    pair.settle()
    after = np.stack([pixels(each) for each in strip.all()])
    assert np.abs(after.astype(int) - before).max() > 0
    select.select_option(label="none")
    pair.settle()
    assert strip.filter(visible=True).count() == 0


def test_the_other_run_is_a_choice_away(pair, both):
    pair.page.get_by_role("combobox", name="Run", exact=True).select_option(label="other")
    pair.page.get_by_role("heading", level=1, name="other").wait_for()
    pair.settle()
    assert_same(pair.live, both.model.decode(pair.code[None])[0])
