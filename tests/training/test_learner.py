"""A step held against plain PyTorch: autocast and SGD, and the batches that it is fed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.data.dataset import Traits
from budgetnas.evidence.outcome import outcome_of
from budgetnas.models.build import build_model
from budgetnas.training.images import Augmenter, Feed, Normaliser, batch_bounds
from budgetnas.training.learner import Learner, class_weights
from budgetnas.training.score import LARGEST_BATCH, Scorer, batch_size

SHAPE = DataShape(channels=1, height=8, width=8)
SPEC = ResNetSpec(blocks=(1, 1), widths=(8, 16))
KINDS = ("1x8-1x16", "n24-d-e4-1x16m8k5g4=1x16m8-1x24m8g8", "e4-1x8t1-2x12t3k5")


def fresh(spec=SPEC):
    torch.manual_seed(0)
    return build_model(spec, SHAPE).to(memory_format=torch.channels_last)


def batches(count):
    torch.manual_seed(1)
    return [(torch.randn(32, 1, 8, 8), torch.randint(10, (32,))) for _ in range(count)]


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("recipe", [Recipe(), Recipe(nesterov=True, decay_norm_and_bias=False, label_smoothing=0.1)])
def test_steps_are_those_of_autocast_and_sgd(recipe, bf16, text):
    spec = ResNetSpec.from_id(text)
    ours, plain = Learner(fresh(spec), recipe, bf16=bf16), fresh(spec)
    decayed = [[p for p in plain.parameters() if (p.ndim > 1) == wide] for wide in (True, False)]
    groups = [{"params": decayed[0]}, {"params": decayed[1]}]
    if not recipe.decay_norm_and_bias:
        groups[1]["weight_decay"] = 0.0
    words = {"momentum": recipe.momentum, "nesterov": recipe.nesterov, "weight_decay": recipe.weight_decay}
    optimizer = torch.optim.SGD(groups, lr=0.05, **words)
    ours.model.train()
    for number, (images, labels) in enumerate(batches(5), start=1):
        ours.step(images, labels, labels, lr=0.05, number=number)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = functional.cross_entropy(plain(images), labels, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mine, _ = ours.read(1)
        assert mine / len(labels) == pytest.approx(loss.item(), rel=1e-5)
    for one, other in zip(ours.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("is_soft", [False, True])
def test_weights_of_classes_weigh_each_target_and_not_the_batch(is_soft, smoothing):
    weights = class_weights(np.repeat(np.arange(10), np.arange(1, 11)), 10)
    learner = Learner(fresh(), Recipe(label_smoothing=smoothing), bf16=False, class_weights=weights)
    plain = fresh()
    (images, labels) = batches(1)[0]
    targets = functional.one_hot(labels, 10).float()
    if is_soft:
        targets = 0.7 * targets + 0.3 * targets.roll(1, 0)
    with torch.no_grad():
        smooth = (1 - smoothing) * targets + smoothing / 10
        expected = -(smooth * weights * functional.log_softmax(plain.train()(images), 1)).sum(1).mean()
    learner.model.train()
    learner.step(images, targets if is_soft else labels, labels, lr=0.05, number=1)
    assert learner.read(1)[0] / len(labels) == pytest.approx(expected.item(), rel=1e-5)


def test_weights_of_classes_are_inverse_frequencies_and_1_on_average_over_the_images():
    weights = class_weights(np.array([0, 0, 0, 2]), 3)
    assert weights[2] / weights[0] == pytest.approx(3)
    assert (3 * weights[0] + weights[2]) / 4 == pytest.approx(2 / 3)  # a class has no image
    even = class_weights(np.repeat([0, 1], [30, 10]), 2)
    assert (30 * even[0] + 10 * even[1]) / 40 == pytest.approx(1)
    assert class_weights(np.array([0, 1]), 2).tolist() == [1, 1]


def test_norms_count_their_batches_by_the_epoch_and_the_mean_has_the_same_count():
    learner = Learner(fresh(), replace(load_recipe("long"), ema=0.9), bf16=False)
    learner.model.train()
    for number, (images, labels) in enumerate(batches(3), start=1):
        learner.step(images, labels, labels, lr=0.1, number=number)
    learner.read(3)
    for model in (learner.model, learner.scored):
        counts = {int(value) for name, value in model.state_dict().items() if name.endswith("num_batches_tracked")}
        assert counts == {3}


def test_momentum_is_kept_as_pytorch_keeps_it():
    model, recipe = fresh(), Recipe(decay_norm_and_bias=False)
    learner = Learner(model, recipe, bf16=False)
    learner.model.train()
    for number, (images, labels) in enumerate(batches(2), start=1):
        learner.step(images, labels, labels, lr=0.1, number=number)
    kept = learner.state()["optimizer"]
    parameters = sorted(model.parameters(), key=lambda parameter: parameter.ndim <= 1)  # by groups
    assert [kept["state"][place]["momentum_buffer"].shape for place in range(len(parameters))] == [
        parameter.shape for parameter in parameters
    ]
    again = Learner(fresh(), recipe, bf16=False)
    again.restore(learner.state())
    images, labels = batches(3)[-1]
    for one in (learner, again):
        one.model.train()
        one.step(images, labels, labels, lr=0.1, number=3)
    for mine, theirs in zip(learner.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def feed(recipe, *, device, seed=0):
    torch.manual_seed(2)
    images, labels = torch.randint(0, 256, (70, 3, 8, 8), dtype=torch.uint8), torch.randint(5, (70,))
    generator = torch.Generator().manual_seed(seed)

    def draw():
        return Augmenter(
            images, labels, recipe=recipe, traits=Traits(shift=2, flip=True), classes=5, generator=generator,
            normalise=Normaliser((120.0,) * 3, (60.0,) * 3, "cpu"),
        )  # fmt: skip

    return Feed(draw, batch_bounds(70, 16), values=3 * 64, generator=generator, device=device)


@pytest.mark.parametrize("name", ["proxy", "modern200", "long"])
def test_images_prepared_many_batches_at_once_are_those_prepared_one_by_one(name):
    one_by_one, at_once = (feed(load_recipe(name), device=device) for device in ("cpu", "cuda"))
    assert len(one_by_one._chunks) == 5
    assert len(at_once._chunks) == 1
    for _ in range(2):
        pairs = list(zip(one_by_one.epoch(), at_once.epoch(), strict=True))
        assert [len(labels) for (*_, labels), _ in pairs] == [16, 16, 16, 16, 6]
        for one, other in pairs:
            assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_an_epoch_drawn_ahead_is_the_one_that_follows_and_its_state_is_that_before_it():
    behind, ahead = (feed(load_recipe("long"), device=device) for device in ("cpu", "cuda"))
    for _ in range(3):
        assert torch.equal(behind.state, ahead.state)
        for one, other in zip(behind.epoch(), ahead.epoch(), strict=True):
            assert torch.equal(one[0], other[0])
        behind.draw_ahead()
        ahead.draw_ahead()
    kept, expected = ahead.state, next(iter(behind.epoch()))[0]
    later = feed(load_recipe("long"), device="cuda", seed=9)
    later.restore(kept)
    assert torch.equal(next(iter(later.epoch()))[0], expected)


def test_scoring_batches_divide_the_split_where_that_is_possible():
    assert [batch_size(images, pixels=1024) for images in (100, 5_000, 10_000)] == [100, 1_250, 2_000]
    assert batch_size(5_003, pixels=1024) == LARGEST_BATCH, "a prime: the last batch is smaller"
    assert batch_size(10_000, pixels=224 * 224) == 40
    assert batch_size(10, pixels=10**9) == 1
    torch.manual_seed(3)
    images, labels = torch.randint(0, 256, (4_099, 1, 8, 8), dtype=torch.uint8), torch.randint(10, (4_099,))
    model, normalise = fresh(), Normaliser((120.0,), (60.0,), "cpu")
    found = Scorer(model, normalise, images, labels, classes=10, bf16=False)()
    with torch.no_grad():
        logits = model.eval()(normalise(images))
    assert found.right == (logits.argmax(1) == labels).sum().item()
    assert found.loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)


@pytest.mark.parametrize("classes", [10, 250])
def test_a_split_is_counted_as_single_images_are(classes):
    torch.manual_seed(3)
    images, labels = torch.randint(0, 256, (300, 1, 8, 8), dtype=torch.uint8), torch.randint(classes, (300,))
    model = build_model(SPEC, replace(SHAPE, classes=classes))
    score = Scorer(model, Normaliser((120.0,), (60.0,), "cpu"), images, labels, classes=classes, bf16=False)
    found, again = score(), score()
    predictions, losses = score.each()
    one_by_one = outcome_of(labels.numpy(), predictions.numpy(), losses.double().numpy(), classes=classes)
    assert (found.confusion is None) is (classes > 200)
    for name in ("correct", "images", "predicted", "confusion"):
        assert np.array_equal(getattr(found, name), getattr(one_by_one, name)), name
        assert np.array_equal(getattr(found, name), getattr(again, name)), name
    assert (found.loss, found.loss_sd) == pytest.approx((one_by_one.loss, one_by_one.loss_sd), rel=1e-3)
