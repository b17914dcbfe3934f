from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.evidence.fidelity import difference, tau
from budgetnas.evidence.lengths import recommend

RNG = np.random.default_rng(1)
FULL = RNG.standard_normal(40)
LENGTHS = {
    24: FULL + 0.15 * RNG.standard_normal(40),
    2: FULL + 3.0 * RNG.standard_normal(40),
    8: FULL + 0.2 * RNG.standard_normal(40),
    4: FULL + 0.8 * RNG.standard_normal(40),
}
LUCK = {epochs: RNG.standard_normal(40) for epochs in (2, 8)}
ROUGH, GOOD, EXACT = (FULL + noise * RNG.standard_normal(40) for noise in (3.0, 0.2, 0.01))


def test_it_is_the_shortest_that_no_longer_one_is_shown_to_beat():
    found = recommend(LENGTHS, FULL)
    assert found.epochs == 8
    assert not difference(LENGTHS[24], LENGTHS[8], FULL).is_above_zero
    assert difference(LENGTHS[24], LENGTHS[4], FULL).is_above_zero
    assert found.text == (
        f"Short trainings of 8 epochs rank 40 networks with a Kendall's tau of {tau(LENGTHS[8], FULL)}; "
        f"longer ones are not shown to rank better. 24 epochs reach {tau(LENGTHS[24], FULL)}: a difference of "
        f"{difference(LENGTHS[24], LENGTHS[8], FULL)}, not shown with 40 networks."
    )


def test_the_longest_tried_says_so():
    found = recommend({1: FULL + RNG.standard_normal(40)}, FULL)
    assert found.epochs == 1
    assert found.text.startswith("Short trainings of 1 epoch rank 40 networks")
    assert found.text.endswith("longer ones were not tried.")


def test_a_length_that_is_not_shown_to_rank_at_all_is_passed_over():
    assert not tau(LUCK[2], FULL).is_above_zero
    assert recommend({1: LUCK[2], 24: LENGTHS[24]}, FULL).epochs == 24
    assert recommend({8: LENGTHS[8], 99: LUCK[8]}, FULL).epochs == 8


def test_no_length_that_ranks_is_said_with_the_best():
    found = recommend(LUCK, FULL, rivals={"MACs": EXACT})
    best = max(LUCK, key=lambda epochs: tau(LUCK[epochs], FULL).value)
    assert found.epochs is None
    assert found.text == (
        "No length of short training is shown to rank these 40 networks: no interval of Kendall's tau is above 0 "
        f"(the highest is {tau(LUCK[best], FULL)}, at {best} epochs). But MACs alone does (tau {tau(EXACT, FULL)})."
    )
    assert recommend(LUCK, FULL, rivals={"MACs": LUCK[best]}).text.endswith(f"at {best} epochs).")


def test_equal_scores_rank_nothing():
    found = recommend({2: np.ones(12), 4: np.ones(12)}, np.arange(12))
    assert found.epochs is None
    assert found.text.endswith("no interval of Kendall's tau is above 0.")


@pytest.mark.parametrize("number", [0, 1, 9])
def test_below_ten_networks_nothing_is_judged(number):
    found = recommend({8: FULL[:number]}, FULL[:number], rivals={"MACs": ROUGH[:number]})
    assert found.epochs is None
    assert found.text == f"Too few pairs to judge: {number} of the 10 networks that are needed."


def test_beside_a_rival_that_it_beats():
    found = recommend(LENGTHS, FULL, rivals={"params": -FULL, "MACs": ROUGH})
    assert found.epochs == 8
    assert (
        f"Those of 8 epochs rank better than MACs alone (tau {tau(ROUGH, FULL).value:.2f}; the difference is "
        in found.text
    )


def test_beside_a_rival_that_is_as_good_nothing_is_claimed():
    found = recommend(LENGTHS, FULL, rivals={"params": ROUGH, "MACs": GOOD})
    assert found.epochs == 8
    lead = difference(LENGTHS[8], GOOD, FULL)
    assert lead.low < 0 < lead.high
    assert found.text.endswith(
        "It is not shown that short training ranks better here than MACs alone "
        f"(tau {tau(GOOD, FULL).value:.2f}; the difference is {lead})."
    )


def test_a_proxy_that_ranks_worse_than_a_rival_is_not_recommended():
    found = recommend({4: LENGTHS[4]}, FULL, rivals={"params": EXACT, "MACs": ROUGH})
    assert found.epochs is None
    assert "But those of 4 epochs rank worse than params alone (tau 0.9" in found.text


def test_a_longer_one_that_is_not_worse_than_the_rival_is_taken_instead():
    rng = np.random.default_rng(3)
    full = rng.standard_normal(24)
    short, long, macs = (full + noise * rng.standard_normal(24) for noise in (1.0, 0.5, 0.2))
    assert not difference(long, short, full).is_above_zero
    assert difference(short, macs, full).is_below_zero
    assert not difference(long, macs, full).is_below_zero
    found = recommend({4: short, 24: long}, full, rivals={"MACs": macs})
    assert found.epochs == 24
    assert found.text.startswith("Short trainings of 24 epochs rank 24 networks")
    assert "It is not shown that short training ranks better here than MACs alone" in found.text
    assert found.text.endswith("Shorter ones, of 4 epochs, rank worse than MACs alone.")
    worse = recommend({4: short, 24: short + 0.01 * long}, full, rivals={"MACs": macs})
    assert worse.epochs is None
    assert worse.text.endswith("So do the longer ones.")


def test_a_longer_one_without_any_order_is_not_held_against_the_others():
    best = tau(LENGTHS[24], FULL)
    found = recommend({8: LENGTHS[8], 12: np.ones(40), 24: LENGTHS[24]}, FULL)
    assert found.epochs == 8
    assert f"24 epochs reach {best}" in found.text


def test_rivals_that_do_not_vary_are_no_rivals():
    assert recommend(LENGTHS, FULL, rivals={"params": np.ones(40)}) == recommend(LENGTHS, FULL)


def test_without_a_length_there_is_nothing_to_recommend():
    with pytest.raises(AssertionError, match="no length"):
        recommend({}, FULL)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(0, 30))
def test_it_is_a_length_that_was_tried_and_repeats(seed, number):
    rng = np.random.default_rng(seed)
    full = rng.standard_normal(number)
    lengths = {epochs: full + rng.normal(0, 8 / epochs, number) for epochs in (2, 4, 8)}
    rivals = {"params": rng.standard_normal(number), "MACs": full + rng.standard_normal(number)}
    found = recommend(lengths, full, rivals=rivals)
    assert found.epochs in (None, 2, 4, 8)
    assert found == recommend(lengths, full, rivals=rivals)
    assert found.epochs is None or tau(lengths[found.epochs], full).is_above_zero
    assert number >= 10 or found.text.startswith("Too few pairs")
