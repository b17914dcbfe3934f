from __future__ import annotations

from small_studies import ladder_of, net, prepared

from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.trial_source import ListedTrials


def test_what_diverged_starts_again_from_another_seed_and_other_failures_keep_theirs(storage):
    study = prepared()
    ladder = ladder_of(study, storage)
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


def test_a_source_of_its_own_trainings_alone_leaves_others_out_of_its_total(storage):
    study = prepared()
    full = ladder_of(study, storage).full
    mine, other = (PlannedTraining(candidate=net(study, width), repeat=0) for width in (16, 24))
    stopped = ListedTrials(full, [other]).upcoming(0)
    full.store.release(stopped.number)
    source = ListedTrials(full, [mine], others=False)
    assert (source.total(), source.wants(full.store.trials[0]), source.is_done) == (1, False, False)
    assert ListedTrials(full, [mine]).total() == 2
