"""How weights move, held against plain loops and torch's own schedules."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.evidence.outcome import outcome_of
from budgetnas.exceptions import TrainingError, UsageError
from budgetnas.models.build import build_model
from budgetnas.training import perform as performing
from budgetnas.training.loop import _Run
from budgetnas.training.optimise import Lookahead, lr_factor, make_average, make_optimizer
from budgetnas.training.perform import perform
from budgetnas.training.tasks import Setting, TrainTask
from budgetnas.trials.declaration import Phase, whole

SPEC = ResNetSpec(blocks=(1, 1), widths=(8, 16))


@pytest.fixture
def task(make_npz) -> TrainTask:
    """Five epochs of four steps under `paper200`, images neither moved nor mirrored."""
    data = DataConfig(dataset=str(make_npz(per_class=48)), flip=False, shift=0)
    setting = Setting(data=data, fingerprint=load_dataset(data).fingerprint, device="cpu", threads=1)
    recipe, phases = load_recipe("paper200"), (Phase(epochs=5, period=200),)
    return TrainTask(setting=setting, spec=SPEC, recipe=recipe, phases=phases, seed=3, keep_weights=True)


def our_losses(task, monkeypatch) -> list[float]:
    """The loss of every training step of our loop."""
    losses = []
    cross_entropy = functional.cross_entropy

    def recorded(logits, targets, **words):
        loss = cross_entropy(logits, targets, **words)
        if logits.requires_grad:
            losses.append(loss.item())
        return loss

    with monkeypatch.context() as patch:
        patch.setattr(functional, "cross_entropy", recorded)
        perform(task, lambda report: None)
    return losses


def plain_losses(task, dtype) -> list[float]:
    """pytorch-cifar's loop: contiguous tensors, torch's scheduler, nothing of ours but weights and order."""
    data = load_dataset(task.setting.data)
    torch.manual_seed(task.seed)
    model = build_model(task.spec, data.shape).to(dtype)
    generator = torch.Generator().manual_seed(task.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * 32 / 128, momentum=0.9, weight_decay=5e-4)
    scheduler = CosineAnnealingLR(optimizer, T_max=200)
    mean, std = (torch.tensor(v, dtype=dtype).view(1, 3, 1, 1) for v in (task.recipe.mean, task.recipe.std))
    images = torch.from_numpy(data.train.images.transpose(0, 3, 1, 2).copy()).to(dtype) / 255
    labels, losses = torch.from_numpy(data.train.labels), []
    model.train()
    for _ in range(5):
        order = torch.randperm(len(labels), generator=generator)
        torch.randint(0, 1, (2, len(labels)), generator=generator)  # what shifts and mirrors would have drawn
        torch.rand(len(labels), generator=generator)
        for start in range(0, len(labels), 32):
            chosen = order[start : start + 32]
            loss = functional.cross_entropy(model((images[chosen] - mean) / std), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    return losses


def test_the_faithful_recipe_is_the_plain_loop_over_twenty_steps_in_float64(task, monkeypatch):
    torch.set_default_dtype(torch.float64)
    try:
        ours, plain = our_losses(task, monkeypatch), plain_losses(task, torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    assert len(ours) == 20
    assert ours == pytest.approx(plain, abs=1e-8)


def test_the_faithful_recipe_is_the_plain_loop_over_the_first_five_steps_in_fp32(task, monkeypatch):
    ours, plain = our_losses(task, monkeypatch), plain_losses(task, torch.float32)
    assert ours[:5] == pytest.approx(plain[:5], abs=1e-4)


def test_the_cosine_rises_again_after_its_period_as_torchs_does():
    factor = lr_factor(Recipe(), 200, 3)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = CosineAnnealingLR(optimizer, T_max=200)
    for epoch in range(245):
        assert factor(3 * epoch + 1) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        schedule.step()


def test_a_warm_up_by_epochs_rises_by_epochs():
    factor = lr_factor(Recipe(warmup=0.05, step="epoch"), 200, 7)
    assert [factor(7 * epoch + i) for epoch in range(3) for i in (0, 6)] == pytest.approx(
        [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    )
    assert factor(7 * 10) == 1


def test_lookahead_pulls_slow_weights_every_few_steps():
    weight = nn.Parameter(torch.zeros(2))
    lookahead = Lookahead([weight], every=3, pull=0.5)
    seen = []
    for step in range(1, 8):
        with torch.no_grad():
            weight += 1
        lookahead.step(step)
        seen.append(weight[0].item())
    assert seen == [1, 2, 1.5, 2.5, 3.5, 3.0, 4.0]
    idle = Lookahead([weight], every=0, pull=0.5)
    idle.step(3)
    assert weight[0].item() == 4


@pytest.mark.parametrize(
    ("recipe", "decays"),
    [
        (Recipe(ema=0.75, ema_rule="fixed"), [0.75, 0.75, 0.75]),
        (Recipe(ema=0.75), [3 / 12, 4 / 13, 5 / 14]),
        (Recipe(ema=0.3), [3 / 12, 0.3, 0.3]),
    ],
)
def test_the_running_mean_holds_weights_and_batch_norm_statistics(recipe, decays):
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    average = make_average(model, recipe)
    states = []
    for _ in range(4):
        with torch.no_grad():
            for value in (*model.parameters(), model[1].running_mean):
                value += torch.randn_like(value)
        average.update()
        states.append(copy.deepcopy(model.state_dict()))
    for name in ("0.weight", "1.weight", "1.running_mean"):
        expected = states[0][name]
        for decay, state in zip(decays, states[1:], strict=True):
            expected = decay * expected + (1 - decay) * state[name]
        torch.testing.assert_close(average.model.state_dict()[name], expected)
    assert make_average(model, Recipe()) is None


@pytest.mark.parametrize("rule", ["fixed", "steps"])
def test_a_running_mean_goes_on_from_its_state_with_the_decay_of_its_next_step(rule):
    model = nn.Linear(1, 1, bias=False)
    whole_way, cut_off = (make_average(model, Recipe(ema=0.9, ema_rule=rule)) for _ in range(2))
    for step in range(8):
        with torch.no_grad():
            model.weight.fill_(step)
        whole_way.update()
        cut_off.update()
        if step == 4:
            resumed = make_average(model, Recipe(ema=0.9, ema_rule=rule))
            resumed.load_state_dict(cut_off.state_dict())
            cut_off = resumed
    assert torch.equal(whole_way.model.weight, cut_off.model.weight)


def test_a_running_mean_by_steps_leaves_its_first_weights_behind_in_a_training_of_any_length():
    for steps in (50, 500):
        model = nn.Linear(1, 1, bias=False)
        means = {rule: make_average(model, Recipe(ema=0.9999, ema_rule=rule)) for rule in ("fixed", "steps")}
        for step in range(steps):
            with torch.no_grad():
                model.weight.fill_(0.0 if step == 0 else 1.0)
            for mean in means.values():
                mean.update()
        left = {rule: 1 - mean.model.weight.item() for rule, mean in means.items()}
        assert left["fixed"] == pytest.approx(0.9999 ** (steps - 1), rel=1e-3)
        assert left["steps"] == pytest.approx(0.0, abs=1e-6)


def test_norms_and_biases_decay_only_if_the_recipe_says_so():
    model = build_model(replace(SPEC, squeeze=4), load_dataset(DataConfig(dataset="digits")).shape)
    (everything,) = make_optimizer(list(model.parameters()), Recipe(weight_decay=0.1)).param_groups
    assert everything["weight_decay"] == 0.1
    weights, others = make_optimizer(
        list(model.parameters()), Recipe(weight_decay=0.1, decay_norm_and_bias=False)
    ).param_groups
    assert (weights["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in weights["params"]} == {2, 4}
    assert {p.ndim for p in others["params"]} == {1}
    assert sum(len(group["params"]) for group in (weights, others)) == len(list(model.parameters()))


@pytest.mark.parametrize("name", ["full", "proxy", "modern200", "long", "paper200"])
def test_every_shipped_recipe_learns_from_colour_images(make_npz, name):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 60)
    images = (80 * labels[:, None, None, None] + rng.integers(0, 60, (180, 16, 16, 3))).astype(np.uint8)
    path = make_npz(per_class=60, x_train=images, y_train=labels, x_test=images, y_test=labels)
    data = DataConfig(dataset=str(path))
    setting = Setting(data=data, fingerprint=load_dataset(data).fingerprint, device="cpu", threads=1)
    task = TrainTask(setting=setting, spec=SPEC, recipe=load_recipe(name), phases=whole(12), seed=0, keep_weights=False)
    first, *_, last = perform(task, lambda report: None).reports
    assert last.loss < first.loss
    assert max(report.accuracy for report in perform(task, lambda report: None).reports) > 0.6


HUGE = outcome_of(np.array([0, 1]), np.array([0, 1]), np.array([76_848.2, 76_848.2]), classes=2)


def test_a_huge_watched_loss_early_on_is_no_divergence(task, monkeypatch):
    monkeypatch.setattr("budgetnas.training.loop.Scorer.__call__", lambda _: HUGE)
    assert perform(task, lambda report: None).reports[-1].loss == 76_848.2


def test_a_recipe_for_colour_is_refused_for_grey_images():
    data = DataConfig(dataset="digits")
    setting = Setting(data=data, fingerprint=load_dataset(data).fingerprint, device="cpu", threads=1)
    recipe = load_recipe("paper200")
    task = TrainTask(setting=setting, spec=SPEC, recipe=recipe, phases=whole(1), seed=0, keep_weights=False)
    with pytest.raises(UsageError, match=r"`recipe.mean` and `recipe.std` have 3 and 3 values"):
        perform(task, lambda report: None)


def test_running_out_of_memory_says_how_much_was_needed(task, monkeypatch):
    monkeypatch.setattr(performing, "train", lambda *_: torch.empty(2**50))
    with pytest.raises(TrainingError, match=r"out of memory on cpu: \d+ bytes more were needed"):
        perform(task, lambda report: None)


def test_all_images_can_be_learnt_from_and_the_test_set_watched(task):
    data = load_dataset(task.setting.data)
    both = replace(task, learns_from="all", watches="test", epochs=1)
    done = perform(both, lambda report: None)
    assert done.images == len(data.train) + len(data.validation)
    run = _Run(both, data)
    assert len(run._score._labels) == len(data.test) != len(data.validation)
    assert torch.equal(run._score._labels, torch.from_numpy(data.test.labels))
    assert torch.equal(_Run(task, data)._score._labels, torch.from_numpy(data.validation.labels))


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), 2e4])
def test_a_loss_beyond_all_bounds_ends_the_training(task, monkeypatch, loss):
    monkeypatch.setattr(_Run, "_learn", lambda run, factor, step: (loss, 0.5) if run.epoch else (1.0, 0.5))
    with pytest.raises(TrainingError, match=r"diverged in epoch 2: .*last good values: epoch 1, training loss 1.0000"):
        perform(task, lambda report: None)
