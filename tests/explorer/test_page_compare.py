"""Two runs side by side: latents matched by correlation, or as one likes, and every picture its run's."""

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
    chosen = {index: int(each.input_value()) for index, each in selects(pair, plain).items()}
    assert chosen == dict(zip(rows.tolist(), columns.tolist(), strict=True))
    told = pair.page.get_by_role("tabpanel").inner_text().replace("−", "-")
    for row, column in zip(rows, columns, strict=True):
        assert f"= {correlation[row, column]:.2f}" in told.replace("-0.00", "0.00")


def test_each_run_draws_its_own_picture(pair, plain, both, codes):
    shown = [
        pixels(pair.page.get_by_role("img", name=f"The picture as {name} draws it"))
        for name in ("plain", "other")
    ]
    row = next(
        row
        for row in range(len(codes[0]))
        if np.abs(plain.model.decode(codes[0][row : row + 1])[0] * 255 - shown[0][..., 0]).max() <= 1
    )
    assert_same(shown[1], both.model.decode(codes[1][row : row + 1])[0])
    pair.page.get_by_role("button", name="Another picture").click()
    pair.settle()
    again = pixels(pair.page.get_by_role("img", name="The picture as plain draws it"))
    assert np.abs(again.astype(int) - shown[0]).max() > 5


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
