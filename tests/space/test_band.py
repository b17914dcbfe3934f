from __future__ import annotations

import pytest

from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space import band
from budgetnas.space.band import choose_band, fitting, largest_fitting, make_index
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.sampled import SampledIndex
from budgetnas.space.streamed import StreamedIndex, streamed_size

SPACE = ResNetSpace(stages=(1, 3), blocks=(1, 2), widths=(4, 16), width_step=2)
INDEX = ArchitectureIndex(SPACE, max_macs=None)


def test_a_roomy_band_reaches_from_its_share_to_the_largest_network():
    found = choose_band(INDEX, 12_000, min_utilisation=0.8, wanted=5)
    largest = largest_fitting(INDEX, 12_000)
    assert largest.params <= 12_000
    assert (found.low, found.high) == (round(0.8 * largest.params), largest.params)
    assert len(found) >= 5


def test_a_cap_above_the_largest_network_is_that_network():
    largest = max(member.params for member in INDEX.band(0, 10**9).members())
    assert choose_band(INDEX, 10**9, min_utilisation=0.9, wanted=1).high == largest


def test_a_scarce_band_is_widened_by_tenths_until_it_holds_enough():
    everything = fitting(INDEX, 12_000)
    sizes = {share: len(choose_band(INDEX, 12_000, min_utilisation=share, wanted=1)) for share in (0.8, 0.7, 0.6, 0.0)}
    assert sizes[0.8] < sizes[0.7] < sizes[0.6] < sizes[0.0] == everything
    assert len(choose_band(INDEX, 12_000, min_utilisation=0.8, wanted=sizes[0.7])) == sizes[0.7]
    assert len(choose_band(INDEX, 12_000, min_utilisation=0.8, wanted=sizes[0.7] + 1)) == sizes[0.6]
    assert len(choose_band(INDEX, 12_000, min_utilisation=0.8, wanted=10**6)) == everything


def test_what_fits_is_counted_only_where_a_band_is_scarce():
    class Counted(ArchitectureIndex):
        def counts(self, at_most, **others):
            asked.append(at_most.tolist())
            return super().counts(at_most, **others)

    asked = []
    index = Counted(SPACE, max_macs=None)
    choose_band(index, 12_000, min_utilisation=0.8, wanted=5)
    assert not asked
    choose_band(index, 12_000, min_utilisation=0.8, wanted=10**6)
    assert asked == [[12_000]]


def test_the_halves_to_be_sorted_decide_how_chains_are_indexed(monkeypatch):
    space = ResNetSpace(stages=(2, 3), widths=(16, 64))
    chains = space.chains().values()
    most, every = (measure(chain.sorted_size() for chain in chains) for measure in (max, sum))
    streamed = max(streamed_size(chain) for chain in chains)

    def kind(largest, of_one):
        monkeypatch.setattr(band, "LARGEST", largest)
        monkeypatch.setattr(band, "STREAMED", of_one)
        return type(make_index(space, max_macs=None))

    assert kind(most, streamed) is ArchitectureIndex
    assert kind(most - 1, streamed) is StreamedIndex
    assert kind(most - 1, streamed - 1) is SampledIndex
    assert every < 3 * most
    monkeypatch.setattr(ResNetSpace, "chains", lambda self: dict(enumerate([*chains] * 4)))
    assert kind(most, streamed) is StreamedIndex


def test_nothing_that_fits_is_an_error_with_the_smallest_network_or_the_cap_on_macs():
    with pytest.raises(InfeasibleBudgetError, match=r"smallest architecture of the space has \d+ parameters \(1x4\)"):
        choose_band(INDEX, 10, min_utilisation=0.8, wanted=1)
    with pytest.raises(
        InfeasibleBudgetError, match=r"`max_macs` is 5, but no architecture .* less than [\d,]+ MACs \(1x4\)"
    ):
        largest_fitting(ArchitectureIndex(SPACE, max_macs=5), 10**6)
