"""Bytes as text inside HTML: seven bits a byte of the file, where base64 has six.

After the base-122 encoding (Kevin Albertson 2016): bytes are cut into groups of seven bits, and each group is
the character of that number. A group whose character HTML or an editor may change shares a character of two
bytes with the group that follows: four bits say which of those characters it is, seven are the next group.
So the text has 8/7 of the bytes, whatever they are. The first four bytes say how many there are.

>>> unpack_text(pack_text(b"any bytes"))
b'any bytes'
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

AVOIDED = b'\0\x07\x08\t\n\v\f\r\x1a\x1b"&<\\\x7f'
"""Characters that a parser replaces, that end a script, or that an editor or a terminal acts upon."""
WIDTH = 7
CHANGED = "the text was changed or cut"
_PLACE = np.zeros(128, np.uint16)
_PLACE[np.frombuffer(AVOIDED, np.uint8)] = np.arange(1, len(AVOIDED) + 1)
_AVOIDED = np.frombuffer(b"\0" + AVOIDED, np.uint8)


def pack_text(content: bytes) -> str:
    """Return the text of some bytes, without a character of `AVOIDED`.

    >>> len(pack_text(bytes(7000)).encode()) / 7000 < 1.15
    True
    """
    counted = len(content).to_bytes(4, "little") + content
    counted += bytes(-len(counted) % WIDTH)
    groups = _regroup(np.frombuffer(counted, np.uint8), 8, WIDTH)
    places = _PLACE[groups]
    leads = _leads(places > 0)
    # The last group, too, may need another to share a character with.
    following = np.append(groups[1:], np.uint8(0))
    characters = np.where(leads, (places << WIDTH) | following, groups)
    alone = np.ones(len(characters), bool)
    alone[1:] = ~leads[:-1]
    return characters[alone].astype("<u2").tobytes().decode("utf-16-le")


def unpack_text(text: str) -> bytes:
    """Return the bytes of a text.

    Raises:
        ValueError: a character that `pack_text` does not write, or fewer bytes than the first four say.

    >>> unpack_text("<")
    Traceback (most recent call last):
    ValueError: the text was changed or cut
    """
    try:
        characters = np.frombuffer(text.encode("utf-16-le"), "<u2")
    except UnicodeEncodeError:
        raise ValueError(CHANGED) from None
    first = characters >> WIDTH
    two = first > 0
    if (first > len(AVOIDED)).any() or _PLACE[characters[~two]].any():
        raise ValueError(CHANGED)
    starts = np.cumsum(1 + two) - 1 - two
    groups = np.zeros(len(characters) + int(two.sum()), np.uint8)
    groups[starts] = np.where(two, _AVOIDED[first], characters)
    groups[starts[two] + 1] = characters[two] & 127
    counted = _regroup(groups[: len(groups) // 8 * 8], WIDTH, 8).tobytes()
    length = int.from_bytes(counted[:4], "little")
    if not 0 <= len(counted) - 4 - length < WIDTH:
        raise ValueError(CHANGED)
    return counted[4 : 4 + length]


def _regroup(numbers: npt.NDArray[np.uint8], width: int, other: int) -> npt.NDArray[np.uint8]:
    """Return seven numbers of eight bits as eight of seven, for each seven, or the other way round."""
    rows = numbers.reshape(-1, other)
    whole = np.zeros(len(rows), np.uint64)
    for place in range(other):
        whole = (whole << np.uint64(width)) | rows[:, place]
    regrouped = np.empty((len(rows), width), np.uint8)
    for place in range(width):
        regrouped[:, place] = (whole >> np.uint64(other * (width - 1 - place))) & np.uint64(2**other - 1)
    return regrouped.ravel()


def _leads(avoided: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which groups share a character with the next: of several to avoid in a row, every other one."""
    places = np.arange(len(avoided))
    begins = avoided & ~np.append(False, avoided[:-1])
    begin = np.maximum.accumulate(np.where(begins, places, 0))
    every_other: npt.NDArray[np.bool_] = avoided & ((places - begin) % 2 == 0)
    return every_other
