"""A training that is cut off anywhere ends with the same weights, bit for bit."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import digest
from budgetnas.training import loop
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.loop import _Run
from budgetnas.training.perform import perform
from budgetnas.training.tasks import PausedTraining, Setting, TrainTask
from budgetnas.trials.declaration import Phase, whole

DIGITS = DataConfig(dataset="digits")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["budgetnas.training.perform"])


@pytest.fixture(scope="module")
def task() -> TrainTask:
    """Everything that a state can hold: momentum, slow weights, a running mean by steps, two phases, augmentation."""
    setting = Setting(data=DIGITS, fingerprint=load_dataset(DIGITS).fingerprint, device="cpu", threads=1)
    recipe = replace(load_recipe("long"), ema=0.9, lookahead=5, lr=0.1, warmup=0.0)
    phases = (Phase(epochs=5, period=8), Phase(epochs=5, period=8))
    spec = ResNetSpec(blocks=(1, 1), widths=(8, 16))
    return TrainTask(setting=setting, spec=spec, recipe=recipe, phases=phases, seed=1, keep_weights=True, subset=40)


@pytest.fixture(scope="module")
def undisturbed(task):
    return perform(task, lambda report: None)


def learn(task):
    perform(task, lambda report: None)


@pytest.mark.faults
def test_killed_at_ten_random_moments_it_ends_with_the_same_weights(task, tmp_path):
    long = replace(task, subset=None)  # so that there is time to kill it
    kept = replace(long, checkpoint=str(tmp_path / "state"))
    rng = random.Random(0)
    for kill in range(10):
        before = {path.name for path in tmp_path.glob("state/*.pt")}
        process = CONTEXT.Process(target=learn, args=(kept,))
        process.start()
        until = time.monotonic() + 60
        while process.is_alive() and time.monotonic() < until:  # some are killed before they have written anything
            if kill % 3 == 0 or {path.name for path in tmp_path.glob("state/*.pt")} != before:
                break
            time.sleep(0.002)
        time.sleep(rng.random() * 0.15)
        process.kill()
        process.join()
    resumed = perform(kept, lambda report: None)
    undisturbed = perform(long, lambda report: None)
    assert digest(resumed.weights) == digest(undisturbed.weights)
    assert resumed.reports == undisturbed.reports


@pytest.mark.parametrize("text", ["d-e4-1x8=1x12-1x16", "n24-d-e4-1x16m8k5g4=1x16m8-1x24m8g8", "n24-e4-1x8t1=2x12t3k5"])
def test_a_network_of_every_kind_of_block_resumes_to_the_same_bits(task, tmp_path, text):
    other = replace(task, spec=ResNetSpec.from_id(text), subset=20, phases=whole(2))
    kept = replace(other, checkpoint=str(tmp_path / "state"))
    alone = perform(other, lambda report: None)
    perform(replace(kept, epochs=1), lambda report: None)
    heard = []
    resumed = perform(kept, heard.append)
    assert [report.epoch for report in heard] == [2]
    assert resumed.reports == alone.reports
    assert digest(resumed.weights) == digest(alone.weights)


def test_a_training_that_its_time_cuts_off_stops_between_epochs(task, undisturbed, tmp_path):
    kept = replace(task, checkpoint=str(tmp_path / "state"))
    heard = []
    for tries in itertools.count(1):  # ever longer: before its first epoch a slow machine takes any time
        result = perform(replace(kept, stop_at=time.time() + 0.3 * tries), heard.append)
        if not isinstance(result, PausedTraining):
            break
        assert result.epoch == len(heard)
    assert [report.epoch for report in heard] == list(range(1, 11))
    assert digest(result.weights) == digest(undisturbed.weights)
    assert isinstance(perform(replace(task, stop_at=0.0), heard.append), PausedTraining)


def test_a_state_is_kept_when_so_many_seconds_have_gone_by(task, undisturbed, tmp_path, monkeypatch):
    folder = tmp_path / "state"
    now = iter(range(0, 10_000, 4))  # seconds, as the loop asks for them
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(now))
    kept = replace(task, checkpoint=str(folder), checkpoint_seconds=10.0)
    saved, save = [], Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda one, epoch, state: (saved.append(epoch), save(one, epoch, state)))
    perform(replace(kept, epochs=8), lambda report: None)
    assert saved == [1, 4, 7, 8]  # the first and the last one too
    heard = []
    resumed = perform(kept, heard.append)
    assert [report.epoch for report in heard] == [9, 10]
    assert digest(resumed.weights) == digest(undisturbed.weights)


def test_a_node_without_the_folder_of_the_run_keeps_nothing(task, tmp_path):
    run = tmp_path / "elsewhere"
    perform(replace(task, epochs=1, checkpoint=str(run / "states" / "one")), lambda report: None)
    assert not run.exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "hash", "text"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(task, undisturbed, tmp_path, damage):
    folder = tmp_path / "state"
    perform(replace(task, epochs=6, checkpoint=str(folder)), lambda report: None)
    newest = folder / "00006.pt"
    content = bytearray(newest.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    if damage == "hash":
        newest.with_suffix(".sha256").unlink()
    newest.write_bytes({"cut": content[:-100], "text": b"no checkpoint"}.get(damage, bytes(content)))
    heard = []
    resumed = perform(replace(task, checkpoint=str(folder)), heard.append)
    assert [report.epoch for report in heard] == [6, 7, 8, 9, 10]
    (notice,) = resumed.notices
    assert notice.startswith(f"{newest} could not be used (its hash ")
    assert digest(resumed.weights) == digest(undisturbed.weights)


def test_the_state_of_another_training_is_passed_over(task, undisturbed, tmp_path):
    folder = tmp_path / "state"
    perform(replace(task, seed=2, epochs=3, checkpoint=str(folder)), lambda report: None)
    heard = []
    resumed = perform(replace(task, checkpoint=str(folder)), heard.append)
    assert len(heard) == 10
    assert resumed.notices == ()
    assert digest(resumed.weights) == digest(undisturbed.weights)


def test_more_epochs_go_on_where_fewer_ended(task, undisturbed, tmp_path):
    folder = tmp_path / "state"
    part = perform(replace(task, epochs=4, checkpoint=str(folder)), lambda report: None)
    assert part.reports == undisturbed.reports[:4]
    heard = []
    perform(replace(task, checkpoint=str(folder)), heard.append)
    assert [report.epoch for report in heard] == [5, 6, 7, 8, 9, 10]


def test_a_later_phase_starts_anew_from_the_best_epoch(task, undisturbed):
    rates = [report.lr for report in undisturbed.reports]
    assert rates[:5] == rates[5:]
    # A second phase whose rate is next to nothing: it must score what the best epoch of the first one scored.
    recipe = replace(task.recipe, ema=0.0, lookahead=0, lr=2.0, momentum=0.0, weight_decay=0.0, label_smoothing=0.0)
    first = replace(task, recipe=replace(recipe, mixup=0.0, cutmix=0.0, policy="none"), phases=whole(6))
    single = perform(first, lambda report: None)
    scores = [report.accuracy for report in single.reports]
    data = load_dataset(DIGITS)
    run = _Run(replace(first, phases=(Phase(epochs=6, period=6), Phase(epochs=1, period=6))), data)
    states = []
    for _ in range(6):
        run.advance()
        states.append({name: value.clone() for name, value in run.scored.state_dict().items()})
    assert [report.accuracy for report in run.reports] == scores
    run._learn = lambda factor, step: (0.0, 0.0)
    run.advance()
    best = states[scores.index(max(scores))]
    assert all(torch.equal(value, best[name]) for name, value in run.scored.state_dict().items())
    assert run.reports[-1].accuracy == max(scores)
    assert not any(momentum.any() for momentum in run._learner._descent.momenta())


def test_fewer_epochs_than_are_saved_give_what_they_would_have_given(task, tmp_path):
    folder = tmp_path / "state"
    perform(replace(task, epochs=5, checkpoint=str(folder)), lambda report: None)
    again = perform(replace(task, epochs=2, checkpoint=str(folder)), lambda report: None)
    alone = perform(replace(task, epochs=2), lambda report: None)
    assert (again.weights, again.reports, again.images) == (alone.weights, alone.reports, alone.images)


def test_both_newest_damaged_it_begins_again_and_saves(task, undisturbed, tmp_path):
    folder = tmp_path / "state"
    perform(replace(task, epochs=6, checkpoint=str(folder)), lambda report: None)
    for path in folder.glob("*.pt"):
        path.write_bytes(b"no checkpoint")
    (folder / ".00007.pt.x7k2.half").write_bytes(b"what a killed writer left")
    resumed = perform(replace(task, epochs=2, checkpoint=str(folder)), lambda report: None)
    assert len(resumed.notices) == 2
    assert sorted(path.name for path in folder.glob(".*")) == []
    assert (folder / "00002.pt").exists()
    assert resumed.reports == undisturbed.reports[:2]


def test_nothing_but_the_newest_two_are_kept_and_clear_leaves_nothing(task, tmp_path):
    folder = tmp_path / "states" / "one"
    perform(replace(task, epochs=5, checkpoint=str(folder)), lambda report: None)
    assert sorted(path.name for path in folder.iterdir()) == [
        "00004.pt", "00004.sha256", "00005.pt", "00005.sha256",
    ]  # fmt: skip
    Checkpoints(folder).clear()
    assert list(folder.parent.iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_is_told(task, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        perform(replace(task, checkpoint=str(tmp_path / "file" / "state")), lambda report: None)


def test_nothing_in_a_checkpoint_can_run_code(task, tmp_path):
    class Malice:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "state" / "00009.pt"
    path.parent.mkdir()
    torch.save({"task": task.digest(), "epoch": 9, "model": Malice()}, path)
    path.with_suffix(".sha256").write_text(digest(path.read_bytes()))
    found = Checkpoints(path.parent, task=task.digest()).load(at_most=99)
    assert found.state is None
    assert not (tmp_path / "ran").exists()
    assert "more than tensors and plain values" in found.damaged[0]
