"""The driver: reading the test set."""

from __future__ import annotations

import pytest
from optuna.storages import InMemoryStorage
from small_studies import ladder_of, net, prepared, train

from budgetnas.pipeline.driver import look
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.storage.files import digest


class Busy:
    """An engine that is never done."""

    capacity = 1

    def submit(self, key, task):
        """Take it."""

    def wait(self, timeout):
        return []


def test_a_signal_is_answered_while_the_test_set_is_read(tmp_path):
    study = prepared(output__dir=str(tmp_path))
    full = ladder_of(study, InMemoryStorage()).full
    fulls = full.store
    study.folder.mkdir()
    (study.folder / "0").write_bytes(b"weights")
    run = train(
        fulls, PlannedTraining(candidate=net(study, 16), repeat=0), 0.5, weights="0", weights_sha256=digest(b"weights")
    )
    ticks = iter([None, None, KeyboardInterrupt])

    def tick():
        if (stop := next(ticks)) is not None:
            raise stop

    with pytest.raises(KeyboardInterrupt):
        look(full, [run], fulls, Busy(), tick=tick)
    assert fulls.facts.looks is None
