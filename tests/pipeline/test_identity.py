from __future__ import annotations

import pytest

from budgetnas.config.sections import ProxyConfig, SpaceConfig
from budgetnas.config.study import StudyConfig, flatten
from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.identity import changes, check_identity


def test_a_key_that_a_record_lacks_and_that_may_be_none_has_not_changed():
    now = flatten(StudyConfig(proxy=ProxyConfig(rungs=(8,)), space=SpaceConfig(max_macs="none")))
    recorded = {key: value for key, value in now.items() if key != "data.test_share"}
    assert changes(recorded, now) == {}
    assert list(changes(recorded, {**now, "data.test_share": 0.2})) == ["data.test_share"]


def test_two_rules_that_hold_out_the_same_images_are_no_change():
    kept = {
        **flatten(StudyConfig(proxy=ProxyConfig(rungs=(8,)), space=SpaceConfig(max_macs="none"))),
        "kind": "search",
        "data.fingerprint": "a",
    }
    del kept["data.validation"]
    for rule in ("auto", "share", 30):
        assert changes(kept, {**kept, "data.validation": rule}) == {}
    now = {**kept, "data.validation": "auto", "data.fingerprint": "b"}
    assert list(changes({**kept, "data.validation": "auto"}, now)) == ["data.fingerprint"]
    assert changes(kept, now)["data.validation"] == "data.validation was 'share', is 'auto'"


def test_other_images_are_told_as_such_beside_their_fingerprints():
    with pytest.raises(StudyMismatchError, match="was 'a', is 'b'; the images have changed, or"):
        check_identity({"data.fingerprint": "a"}, {"data.fingerprint": "b"}, what="run")
