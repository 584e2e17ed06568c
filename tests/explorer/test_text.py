"""Bytes inside HTML come back as they were, and the text is one that HTML carries."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from distaff.explorer._text import AVOIDED, pack_text, unpack_text

CONTENT = st.binary(max_size=300) | st.lists(st.sampled_from(AVOIDED + b"\xff")).map(bytes)


@given(CONTENT)
@example(b"")
@example(bytes(100))
@example(b"</script><!--" * 3)
def test_bytes_come_back_and_their_text_is_plain(content):
    text = pack_text(content)
    assert unpack_text(text) == content
    assert not set(text) & set(AVOIDED.decode())
    groups = 8 * -(-(len(content) + 4) // 7)
    assert len(text.encode()) <= groups + 1


@given(CONTENT, st.integers(0, 1000))
def test_a_text_that_was_cut_or_changed_is_refused_or_has_other_bytes(content, place):
    text = pack_text(content)
    place %= len(text)
    for other in (
        text[:place],
        text[:place] + "<" + text[place + 1 :],
        text[:place] + "\uffff" + text[place:],
    ):
        with pytest.raises(ValueError, match="changed or cut"):
            assert unpack_text(other) != content
