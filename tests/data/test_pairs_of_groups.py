"""Pairs that agree on chosen columns of a label table, and pairs of images that follow one another."""

import numpy as np
import pytest

from distaff.data import Attribute, AttributeTable, PairOptions, Successors, load
from distaff.data._pairs import pair_sampler
from distaff.errors import InputError, UnknownAttributeError

PEOPLE = Attribute(name="person", kind="categorical", values=tuple("abcde"))
GLASSES = Attribute(name="glasses", kind="categorical", values=("no", "yes"))
AGE = Attribute(name="age", kind="continuous")


def table(n=200, seed=0):
    generator = np.random.default_rng(seed)
    columns = [np.sort(generator.integers(5, size=n)), generator.integers(2, size=n), generator.random(n)]
    return AttributeTable((PEOPLE, GLASSES, AGE), np.stack(columns, 1).astype(np.float32))


def pairs_of(options, labels, rows, seed=1):
    sampler, notes = pair_sampler(labels, rows, options)
    anchors = np.random.default_rng(seed).choice(sampler.anchors, 3000)
    return anchors, sampler.partners(anchors, np.random.default_rng(seed)), notes


def test_partners_agree_on_the_columns_that_are_named_and_on_nothing_else():
    labels, rows = table(), np.arange(0, 200, 2)
    anchors, partners, notes = pairs_of(PairOptions(same=("person",)), labels, rows)
    assert (labels.column("person")[anchors] == labels.column("person")[partners]).all()
    differ = labels.column("glasses")[anchors] != labels.column("glasses")[partners]
    assert 0.4 < differ.mean() < 0.6
    assert np.isin(partners, rows).all()
    assert not notes


def test_auto_is_the_first_attribute_with_classes():
    labels, rows = table(), np.arange(200)
    first = next(each.name for each in labels.attributes if each.size)
    asked, auto = (pairs_of(PairOptions(same=same), labels, rows)[1] for same in ((first,), "auto"))
    assert np.array_equal(asked, auto)
    with pytest.raises(UnknownAttributeError, match=r"data\.pairs\.same"):
        pair_sampler(labels.select([]), rows, PairOptions(same="auto"))


def test_partners_follow_within_the_same_sequence():
    labels, rows = table(), np.setdiff1d(np.arange(200), np.arange(3, 200, 7))
    anchors, partners, _ = pairs_of(PairOptions(within=3, same=("person",)), labels, rows)
    person = labels.column("person")
    assert (person[anchors] == person[partners]).all()
    assert np.isin(partners, rows).all()
    away = partners - anchors
    assert set(np.abs(away)) <= {1, 2, 3}
    # Only the last of a sequence has its partner before it.
    for row in np.unique(anchors[away < 0]):
        later = rows[(rows > row) & (rows <= row + 3)]
        assert not (person[later] == person[row]).any()
    assert 0.2 < (away == 1).mean() < 0.6


def test_one_sequence_needs_no_labels():
    unlabelled = AttributeTable((), np.zeros((9, 0), np.float32))
    anchors, partners, _ = pairs_of(PairOptions(within=1), unlabelled, np.arange(9))
    assert set(partners[anchors < 8] - anchors[anchors < 8]) == {1}
    assert set(partners[anchors == 8]) == {7}
    alone = Successors(np.array([0, 10, 20]), within=2)
    assert alone.partners(np.array([0, 20]), np.random.default_rng(0)).tolist() == [0, 20]


def test_a_source_gives_such_pairs():
    dataset = load("sprites", count=2000, pairs={"same": ["shape", "scale"]})
    anchors = dataset.pairs.anchors[:500]
    partners = dataset.pairs.partners(anchors, np.random.default_rng(0))
    values = dataset.attributes.select(["shape", "scale"]).values
    assert np.array_equal(values[anchors], values[partners])
    assert load("digits", count=100, pairs={"within": 2}).pairs.anchors.tolist() == sorted(
        load("digits", count=100).splits["train"].tolist()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"same": ["age"]}, "the data has no attribute 'age'; there is: glasses, person"),
        ({"same": ["person", "person"]}, "name each once"),
        ({"same": ["person"], "changed": 1}, "do not go with changed"),
        ({"within": 2, "coin": True}, "do not go with"),
        ({"within": 0}, "within"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(InputError, match=message):
        pair_sampler(table(), np.arange(200), PairOptions(**options))
