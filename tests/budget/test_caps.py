from __future__ import annotations

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget.caps import Caps
from budgetnas.trials.trial import Candidate


def net(params, macs):
    return Candidate(spec=ResNetSpec(blocks=(1,), widths=(16,)), params=params, macs=macs, origin="")


def test_a_network_fits_when_it_is_within_both_caps():
    caps = Caps(max_params=100, max_macs=1_000)
    assert caps.fits(net(100, 1_000))
    assert caps.excess(net(101, 1_000)) == {"max_params": 1}
    assert caps.excess(net(100, 1_002)) == {"max_macs": 2}
    assert caps.excess(net(103, 1_004)) == {"max_params": 3, "max_macs": 4}
    assert not caps.fits(net(100, 1_002))
    assert Caps(max_params=100).fits(net(100, 10**15))


def test_the_reason_names_the_first_cap_that_is_broken():
    caps = Caps(max_params=100_000, max_macs=1_000)
    assert caps.reason(net(1_284_170, 2_000)) == "1,184,170 parameters over the cap"
    assert caps.reason(net(1, 2_000)) == "1,000 MACs over the cap"
    assert caps.reason(net(1, 1)) is None
    assert (str(caps), str(Caps(max_params=5))) == ("100,000 parameters and 1,000 MACs", "5 parameters")
