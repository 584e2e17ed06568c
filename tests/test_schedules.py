from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distaff.errors import InputError
from distaff.parts import FAMILIES
from distaff.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Delay,
    Exponential,
    Linear,
    Sigmoid,
    Steps,
    Warmup,
)

RAMPS = [Linear, Cosine, Exponential, Sigmoid]


@pytest.mark.parametrize("shape", RAMPS)
@given(
    start=st.floats(0.01, 1e4),
    to=st.floats(0.01, 1e4),
    total=st.integers(2, 100_000),
    until=st.integers(1, 100),
)
def test_a_ramp_meets_both_ends_exactly_and_never_turns(shape, start, to, total, until):
    ramp = shape(start, to, until=f"{until}%")
    last = ramp.last_change(total)
    values = [ramp.value(step, total) for step in range(0, total + 1, max(1, total // 50))]
    assert ramp.value(0, total) == (start if last > 0 else to)
    assert ramp.value(last, total) == to
    assert ramp.value(total, total) == to
    rising = 1 if to >= start else -1
    margin = 1e-9 * max(start, to)
    assert all(rising * (after - before) >= -margin for before, after in pairwise(values))


def test_halfway_values():
    assert Linear(0, 4).value(50, 100) == 2
    assert Cosine(0, 4).value(50, 100) == pytest.approx(2)
    assert Sigmoid(100, 0).value(50, 100) == pytest.approx(50)
    assert Exponential(1, 100).value(50, 100) == pytest.approx(10)


def test_a_sigmoid_is_exactly_nothing_after_its_end():
    fall = Sigmoid(100, 0, until="60%")
    assert [fall.value(step, 1000) for step in (600, 601, 999)] == [0, 0, 0]
    assert fall.value(599, 1000) > 0


def test_moments_in_steps_and_since():
    late = Linear(0, 1, since=20, until=40)
    assert [late.value(step, 100) for step in (0, 20, 30, 40, 100)] == [0, 0, 0.5, 1, 1]


def test_a_schedule_longer_than_the_run_says_so():
    assert Linear(0, 1, until=4000).last_change(100) == 4000
    assert Constant(3).last_change(100) == 0


def test_cyclical_rises_holds_and_starts_again():
    cycle = Cyclical(0, 1, cycles=2)
    assert [cycle.value(step, 100) for step in (0, 12, 25, 49, 50, 75, 100)] == pytest.approx(
        [0, 0.48, 1, 1, 0, 1, 1]
    )


def test_cyclical_has_the_published_values():
    # Four cycles, of which the first half rises; at the shares .0625, .125, .24, .25 and .3125 of the run.
    cycle = Cyclical(0, 1)
    assert [cycle.value(step, 400) for step in (25, 50, 96, 100, 125)] == [0.5, 1, 1, 0, 0.5]


def test_steps_hold_until_the_next_stair():
    stairs = Steps({0: 1.0, "50%": 0.1, 80: 0.01})
    assert [stairs.value(step, 100) for step in (0, 49, 50, 79, 80, 99)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert stairs.last_change(100) == 80


@pytest.mark.parametrize("wrong", ["sixty", "140%", -3, "inf", "1e400", "nan", "nan%"])
def test_wrong_moments_are_refused(wrong):
    with pytest.raises(InputError, match=r"percentage|negative"):
        Linear(0, 1, until=wrong)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "-inf"])
@pytest.mark.parametrize("field", ["from", "to"])
@pytest.mark.parametrize("shape", [*RAMPS, Cyclical])
def test_values_that_are_not_finite_are_refused(shape, field, wrong):
    with pytest.raises(InputError, match="finite"):
        shape(**{"from": 1, "to": 2, field: wrong})
    with pytest.raises(InputError, match="finite"):
        Steps({0: wrong})
    with pytest.raises(InputError, match="finite"):
        Constant(wrong)


@pytest.mark.parametrize(("since", "until"), [(40, 20), ("50%", "40%")])
def test_a_ramp_that_ends_before_it_begins_is_refused(since, until):
    with pytest.raises(InputError, match="a schedule runs forwards"):
        Linear(0, 1, since=since, until=until)
    assert Linear(0, 1, since=until, until=since).value(0, 100) == 0


@pytest.mark.parametrize("steepness", [0.01, 100])
def test_the_flattest_and_the_steepest_sigmoid_are_numbers(steepness):
    assert Sigmoid(0, 1, steepness=steepness).value(50, 100) == pytest.approx(0.5)
    for wrong in (1e-20, 2000):
        with pytest.raises(InputError, match="steepness"):
            Sigmoid(0, 1, steepness=wrong)


def test_a_delay_holds_zero_and_then_follows_the_same_clock():
    delay = Delay("10%", Linear(0, 1))
    assert [delay.value(step, 100) for step in (0, 9, 10, 50, 100)] == [0, 0, 0.1, 0.5, 1]
    assert (delay.last_change(100), Delay(80, 1.0).last_change(100)) == (100, 80)


def test_a_warmup_rises_to_the_other_schedule_and_then_is_it():
    warmup = Warmup("10%", Linear(4, 0))
    assert [warmup.value(step, 100) for step in (0, 4)] == pytest.approx([4 / 11, 5 / 11 * 4 * 0.96])
    assert [warmup.value(step, 100) for step in (10, 50, 100)] == [3.6, 2, 0]
    assert (warmup.last_change(100), Warmup(30, 1.0).last_change(100)) == (100, 30)


def test_an_exponential_through_zero_is_refused():
    with pytest.raises(InputError, match="both ends need the same sign"):
        Exponential(1, 0)


def test_every_schedule_reads_what_it_writes():
    examples = [
        Constant(2.5),
        Linear(0, 1),
        Cosine(0, 1),
        Exponential(1, 2),
        Sigmoid(3, 4),
        Cyclical(0, 1),
        Steps({0: 1.0}),
        Delay(10, Linear(0, 1)),
        Warmup(10, Linear(0, 1)),
    ]
    assert {type(each) for each in examples} == {
        each for each in FAMILIES["schedule"].values() if each.__module__.startswith("distaff")
    }
    for each in examples:
        written = each.model_dump(mode="json", by_alias=True)
        assert type(each).model_validate(written[each.tag]) == each


@pytest.mark.parametrize(("cycles", "total", "step"), [(22, 22, 15), (50, 1200, 696)])
def test_cyclical_begins_each_ramp_at_its_foot(cycles, total, step):
    assert Cyclical(0, 1, cycles=cycles).value(step, total) == 0
