from __future__ import annotations

import doctest

import numpy as np
import pytest

import budgetnas
from budgetnas.arch.costs import costs_of


def test_a_network_is_counted_however_it_is_given():
    spec = budgetnas.ResNetSpec.from_stages([4, 5, 3, 0], [64, 128, 250])
    params = {budgetnas.count(spec).params, budgetnas.count(spec.id).params}
    params |= {budgetnas.count(blocks=(4, 5, 3, 0), widths=(64, 128, 250)).params}
    params |= {sum(row.params for row in budgetnas.ledger(spec, channels=3, image_size=(32, 32), classes=10))}
    assert params == {4_848_142}
    digits = budgetnas.load_dataset("digits", subset=5)
    assert budgetnas.count(spec, digits.shape) == budgetnas.count(spec, channels=1, image_size=8)
    assert budgetnas.fit(blocks=[2, 2, 4], widths=[64, 128, 256], max_params=5e6).id == "2x64-2x127-4x252"


def test_a_network_of_other_blocks_is_given_by_its_fields():
    fields = {"blocks": [2, 2], "widths": np.array([64, 128]), "kind": "bottleneck", "mids": (16, 32), "neck": None}
    spec = budgetnas.ResNetSpec.from_id("2x64m16-2x128m32k5")
    assert budgetnas.count(**fields, kernels=[3, 5]) == budgetnas.count(spec)
    by_id = budgetnas.fit("s16-2x64m16-2x128m32", max_params="100k")
    assert budgetnas.fit(**fields, stem_width=16, max_params="100k") == by_id
    with pytest.raises(budgetnas.UsageError, match="`groups` holds 3, but must divide the 16 channels"):
        budgetnas.count(**fields, groups=[3, 1])
    with pytest.raises(budgetnas.UsageError, match="`network` is given with `blocks`, `widths` or other fields"):
        budgetnas.count("resnet20", squeeze=16)
    for words in ({"network": "resnet20"}, fields):
        with pytest.raises(TypeError, match="unexpected keyword argument 'kernel'"):
            budgetnas.count(**words, kernel=3)


def test_a_network_is_scaled_to_any_caps():
    words = {"max_bytes": "40kB", "max_memory": 6_144, "weights": "int8", "channels": 1, "image_size": 8}
    found = budgetnas.fit("resnet20", **words)
    costs = costs_of(found, budgetnas.DataShape(channels=1, height=8, width=8), "int8")
    assert 38_000 < costs.bytes <= 40_000
    assert costs.memory <= 6_144
    small = budgetnas.fit("resnet20", **words | {"max_memory": "1KiB"})
    assert sum(small.widths) < sum(found.widths)
    with pytest.raises(budgetnas.UsageError, match="`max_params` is missing: give a cap"):
        budgetnas.fit("resnet20")
    with pytest.raises(
        budgetnas.InfeasibleBudgetError, match=r"`max_bytes` is 300 bytes, but .* narrowest network has"
    ):
        budgetnas.fit("resnet20", max_bytes=300)


def test_a_data_set_is_read_as_a_search_reads_it(make_npz):
    data = budgetnas.load_dataset(make_npz(), subset=10)
    assert (len(data.classes), len(data.test), data.shape.channels) == (3, 30, 3)
    with pytest.raises(budgetnas.UsageError, match="`subset` is 1, but must be from 2"):
        budgetnas.load_dataset("digits", subset=1)
    assert len(budgetnas.load_dataset("digits", validation=100).validation) == 100
    with pytest.raises(budgetnas.UsageError, match="`validation` is 7, but must be from 10"):
        budgetnas.load_dataset("digits", validation=7)


@pytest.mark.parametrize("name", ["count", "fit"])
def test_what_docstrings_show_is_so(name):
    function = getattr(budgetnas, name)
    (shown,) = doctest.DocTestFinder().find(function, name, module=False, globs={name: function})
    done = doctest.DocTestRunner().run(shown)
    assert done.attempted
    assert not done.failed
