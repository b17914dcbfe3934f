from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.dataset import Traits, statistics
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import DataError, TrainingError, UsageError
from budgetnas.models.build import build_model, unpack
from budgetnas.training.device import resolve_device, resolve_precision
from budgetnas.training.images import Augmenter, Normaliser, batch_bounds, shift_images, to_device
from budgetnas.training.optimise import lr_factor
from budgetnas.training.perform import perform
from budgetnas.training.tasks import FinishedTraining, LookTask, Setting, TimeTask, Timing, TrainTask
from budgetnas.trials.declaration import whole
from budgetnas.trials.facts import Look

DIGITS = DataConfig(dataset="digits")
SPEC = ResNetSpec(blocks=(1, 1), widths=(16, 32))


@pytest.fixture(scope="module")
def setting() -> Setting:
    fingerprint = load_dataset(DIGITS).fingerprint
    return Setting(data=DIGITS, fingerprint=fingerprint, device="cpu", threads=1)


@pytest.fixture(scope="module")
def task(setting: Setting) -> TrainTask:
    recipe = load_recipe("proxy")
    return TrainTask(setting=setting, spec=SPEC, recipe=recipe, phases=whole(4), seed=3, keep_weights=True)


def test_a_short_training_learns_and_the_same_seed_gives_the_same_bits(task):
    heard = []
    first = perform(task, heard.append)
    again = perform(task, lambda report: None)
    other = perform(replace(task, seed=4), lambda report: None)
    assert isinstance(first, FinishedTraining)
    assert first.reports == tuple(heard)
    assert [report.epoch for report in first.reports] == [1, 2, 3, 4]
    assert first.reports[-1].accuracy > 0.8
    assert (first.reports, first.weights) == (again.reports, again.weights)
    assert first.weights != other.weights


def test_a_training_on_a_subset_learns_from_the_same_images_of_each_class(task):
    few = replace(task, subset=20, phases=whole(1))
    first, again = (perform(few, lambda report: None) for _ in range(2))
    assert first.images == 200
    assert (first.reports, first.weights) == (again.reports, again.weights)
    assert few.digest() != replace(few, subset=None).digest()


def test_weights_are_tested_as_they_were_trained(task):
    trained = perform(task, lambda report: None)
    tested = perform(
        LookTask(setting=task.setting, spec=SPEC, recipe=task.recipe, weights=trained.weights), lambda report: None
    )
    assert isinstance(tested, Look)
    data = load_dataset(DIGITS)
    model = unpack(build_model(SPEC, data.shape), trained.weights).eval()
    images, labels = to_device(data.test, "cpu")
    with torch.no_grad():
        right = (model(Normaliser(*statistics(data), "cpu")(images)).argmax(1) == labels).sum().item()
    assert (tested.correct, tested.images) == (right, len(labels))
    assert tested.correct / tested.images > 0.8


def test_steps_are_timed(setting):
    timed = perform(TimeTask(setting=setting, spec=SPEC, recipe=Recipe(), steps=2), lambda report: None)
    assert isinstance(timed, Timing)
    assert 0 < timed.seconds_per_image < 1


def test_a_diverged_training_fails_with_its_epoch(task):
    wild = replace(task.recipe, lr=100.0, momentum=0.99, weight_decay=0.9)
    with pytest.raises(TrainingError, match=r"diverged in epoch \d: .*last good values: "):
        perform(replace(task, recipe=wild, phases=whole(10)), lambda report: None)


def test_data_that_changed_stop_the_run(task):
    with pytest.raises(DataError, match="has changed since the study was started"):
        perform(replace(task, setting=replace(task.setting, fingerprint="0" * 64)), lambda report: None)


def test_weights_of_another_network_are_refused(task):
    trained = perform(replace(task, phases=whole(1)), lambda report: None)
    other = ResNetSpec(blocks=(1, 1), widths=(16, 40))
    for spec, weights in ((other, trained.weights), (SPEC, trained.weights[:-9]), (SPEC, b"")):
        with pytest.raises(DataError, match=r"the weights (do not fit the architecture|are no safetensors)"):
            perform(LookTask(setting=task.setting, spec=spec, recipe=task.recipe, weights=weights), lambda report: None)


def test_a_last_batch_of_one_image_joins_the_one_before():
    assert batch_bounds(129, 64) == [(0, 64), (64, 129)]
    assert batch_bounds(130, 64) == [(0, 64), (64, 128), (128, 130)]
    assert batch_bounds(1, 64) == [(0, 1)]


def test_each_image_is_moved_by_its_own_offset_over_zeros():
    images = torch.randint(1, 256, (5, 3, 6, 7), dtype=torch.uint8)
    offsets = torch.tensor([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    moved = shift_images(images, offsets, 2)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    for i in range(5):
        row, column = offsets[:, i]
        assert torch.equal(moved[i], padded[i, :, row : row + 6, column : column + 7])


def test_an_epoch_shows_every_image_once_and_mirrors_about_half():
    images = torch.arange(400, dtype=torch.uint8).repeat(1, 1, 1, 1).view(100, 1, 1, 4)
    labels = torch.arange(100)
    augmenter = Augmenter(
        images,
        labels,
        recipe=Recipe(),
        traits=Traits(shift=0, flip=True),
        normalise=Normaliser((0.0,), (1.0,), "cpu"),
        classes=100,
        generator=torch.Generator().manual_seed(0),
    )
    batches = list(augmenter.chunk(batch_bounds(100, 33)))
    seen = torch.cat([batch[1] for batch in batches])
    assert sorted(seen.tolist()) == list(range(100))
    pixels = torch.cat([batch[0] for batch in batches])
    mirrored = sum(torch.equal(p, images[i].flip(2)) for p, i in zip(pixels, seen, strict=True))
    plain = sum(torch.equal(p, images[i]) for p, i in zip(pixels, seen, strict=True))
    assert mirrored + plain == 100
    assert 30 <= mirrored <= 70


def test_images_are_normalised_by_the_train_split():
    data = load_dataset(DIGITS)
    images, _ = to_device(data.train, "cpu")
    normal = Normaliser(*statistics(data), "cpu")(images)
    assert abs(normal.mean().item()) < 1e-4
    assert abs(normal.std().item() - 1) < 1e-3


def test_a_constant_channel_is_no_division_by_zero(make_npz):
    black = np.zeros((60, 8, 8, 3), np.uint8)
    data = load_dataset(DataConfig(dataset=str(make_npz(x_train=black, x_test=black))))
    assert statistics(data) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def test_the_cosine_per_epoch_is_that_of_torch():
    factor = lr_factor(Recipe(schedule="cosine", step="epoch"), 10, 7)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = CosineAnnealingLR(optimizer, T_max=10)
    for epoch in range(10):
        expected = schedule.get_last_lr()[0]
        assert [factor(7 * epoch + i) for i in (0, 6)] == pytest.approx([expected] * 2)
        optimizer.step()
        schedule.step()


def test_the_linear_schedule_rises_over_a_fifth_and_falls_to_zero():
    factor = lr_factor(load_recipe("proxy"), 5, 20)
    values = [factor(step) for step in range(100)]
    assert values.index(max(values)) in (19, 20)
    assert max(values) == 1
    assert values[:20] == sorted(values[:20])
    assert values[20:] == sorted(values[20:], reverse=True)
    assert 0 < values[-1] < 0.02


def test_devices_and_precisions_are_resolved():
    assert resolve_device("cpu") == "cpu"
    assert resolve_precision("fp32", "cpu") == "fp32"
    assert resolve_precision("auto", "mps") == "fp32"
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match=r"`engine\.device` is cuda"):
            resolve_device("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_same_loop_learns_on_a_gpu(task):
    trained = perform(replace(task, setting=replace(task.setting, device="cuda")), lambda report: None)
    assert trained.reports[-1].accuracy > 0.8
