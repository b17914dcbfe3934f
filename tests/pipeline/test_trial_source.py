from __future__ import annotations

from small_studies import ladder_of, net, prepared

from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.trial_source import ListedTrials
from budgetnas.storage.database import open_storage, sqlite_url


def test_what_diverged_starts_again_from_another_seed_and_other_failures_keep_theirs(tmp_path):
    study = prepared()
    ladder = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db")))
    planned = [PlannedTraining(candidate=net(study, 16), repeat=0)]

    def seed_of_next(**failure):
        trial = ListedTrials(ladder.full, planned).upcoming(0)
        ladder.fulls.fail(trial.number, **failure)
        return trial.seed

    first = seed_of_next(reason="out of memory on cuda:0")
    assert seed_of_next(reason="diverged in epoch 2", diverged=True) == first
    second = seed_of_next(reason="its worker died 3 times")
    assert second != first
    assert seed_of_next(reason="diverged in epoch 1", diverged=True) == second
    assert seed_of_next(reason="never") not in (first, second)


def test_a_source_of_its_own_trainings_alone_leaves_others_out_of_its_total(tmp_path):
    study = prepared()
    full = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db"))).full
    mine, other = (PlannedTraining(candidate=net(study, width), repeat=0) for width in (16, 24))
    stopped = ListedTrials(full, [other]).upcoming(0)
    full.store.release(stopped.number)
    source = ListedTrials(full, [mine], others=False)
    assert (source.total(), source.wants(full.store.trials[0]), source.is_done) == (1, False, False)
    assert ListedTrials(full, [mine]).total() == 2
