"""Text as data: drawn as it is, or with the code points of what no font has; never wider than its place."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from distaff.figures._page import Panel, Plots
from distaff.figures._text import FONT, elide, look, readable, text_width, wrap

HOSTILE = ["$a$ $b$", "length [mm]", "[/none]", "\\frac{1}{2}", "$x", "100%", "<b>", "{}", "a_b^c", "&amp;"]
EVERY_FONT = {entry.name for entry in fontManager.ttflist}


@pytest.mark.parametrize("text", HOSTILE)
def test_ordinary_characters_stay_as_they_are(text):
    assert readable(text) == text
    assert look(text, 9)["parse_math"] is False


def test_what_cannot_be_drawn_is_named_by_its_code_point():
    assert readable("a\nb\x00") == "a\\nb\\x00"
    assert readable("\ue000") == "\\ue000"
    assert readable("\udc80") == "\\udc80"
    assert readable("\N{RIGHT-TO-LEFT OVERRIDE}") == "\\u202e"
    # Different names stay different.
    assert readable("\ue000\ue001") != readable("\ue000\ue002")


def test_another_font_draws_what_the_first_lacks():
    letter = "\N{MATHEMATICAL BOLD SCRIPT CAPITAL A}"
    assert readable(letter) == letter
    families = look(letter, 9)["fontfamily"]
    assert families[0] == FONT
    assert len(families) == 2
    assert set(families) <= EVERY_FONT
    assert look("plain", 9)["fontfamily"] == [FONT]


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=30)
def test_any_text_can_be_drawn_without_a_warning_and_keeps_its_width(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = Plots(text, text, [Panel(text, lambda axes: None, text, text)])
        page.draw().draw_without_rendering()
        assert text_width(elide(text, 8, 60), 8) <= 60
        for line in wrap(text, 9, 100, "bold"):
            assert text_width(line, 9, "bold") <= 100


def test_names_that_differ_at_their_ends_stay_different():
    one, two = (elide(f"a_very_long_attribute_value_{k}", 8, 60) for k in (1, 2))
    assert "…" in one
    assert one != two
    assert elide("short", 8, 90) == "short"
    assert text_width(elide("x" * 100_000, 8, 60), 8) <= 60


def test_lines_are_broken_at_plain_spaces():
    text = "What each latent does to an image, from its first to its ninety-ninth percentile"
    lines = wrap(text, 9, 150)
    assert " ".join(lines) == text
    assert len(lines) > 1
    assert wrap("kl\N{NO-BREAK SPACE}1", 9, 100) == ["kl\N{NO-BREAK SPACE}1"]


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_a_title_keeps_to_its_page(weight):
    page = Plots("8 of 13 latents are unused " * 4, "note " * 60, [Panel("", lambda axes: None)], (4.0, 3.0))
    drawn = page.draw()
    drawn.draw_without_rendering()
    for text in drawn.findobj(Text):
        if text.get_text() and text.get_fontweight() == weight:
            assert text.get_window_extent().x1 <= drawn.bbox.x1
