from __future__ import annotations

from itertools import product

from budgetnas.arrays import Stream, derived_seed, generator


def test_no_two_uses_numbers_or_seeds_draw_alike():
    keys = list(product(range(3), range(9), Stream))
    drawn = {tuple(generator(*key).integers(2**63, size=2)) for key in keys}
    assert len(drawn) == len(keys)


def test_a_stream_never_changes_since_studies_go_on_with_it():
    assert [int(generator(0, 5, use).integers(1_000)) for use in (Stream.UNSEEN, Stream.PROPOSAL, Stream.CONTROL)] == [
        696,
        317,
        252,
    ]
    assert derived_seed(0, 5, 3) == 3_716_799_053
