"""Steps recorded and replayed: the rules on a CPU, with a recorder that does what CUDA does; the graphs on a GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import BrokenDeviceError
from budgetnas.training import graphs
from budgetnas.training import perform as performing
from budgetnas.training.graphs import WARM_STEPS, GraphedStep, own_stream
from budgetnas.training.loop import _Run
from budgetnas.training.perform import perform
from budgetnas.training.tasks import Setting, TrainTask
from budgetnas.trials.declaration import Phase, whole

needs_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
DIGITS = DataConfig(dataset="digits")


class CountedNetwork:
    """A step that adds its inputs up, and counts how often Python ran it."""

    def __init__(self):
        self.total, self.calls = torch.zeros(()), 0

    def __call__(self, *inputs):
        self.calls += 1
        self.total += sum(tensor.sum() for tensor in inputs)


@pytest.fixture
def recorded(monkeypatch):
    """A recorder for the CPU: like CUDA's it runs nothing while it records, and replays at the same addresses."""
    made = []

    def record(step, *, pool):
        made.append(step)
        return step

    monkeypatch.setattr(graphs, "record", record)
    return made


def test_elsewhere_it_is_the_step(recorded):
    counted = CountedNetwork()
    step = GraphedStep(counted, records=False)
    for _ in range(10):
        step(torch.ones(3))
    assert (counted.calls, counted.total.item(), recorded) == (10, 30, [])


def test_the_first_runs_of_each_shape_are_real_steps_and_one_recording_follows(recorded):
    counted = CountedNetwork()
    step = GraphedStep(counted, records=True)
    for number in range(WARM_STEPS):
        step(torch.full((4,), float(number)))
    assert recorded == []
    step(torch.full((4,), 10.0))
    assert len(recorded) == 1
    for number in range(WARM_STEPS + 3):
        step(torch.full((2,), float(number)))
        step(torch.full((4,), 1.0))
    assert len(recorded) == 2
    given = [4 * n for n in range(WARM_STEPS)] + [40] + [2 * n + 4 for n in range(WARM_STEPS + 3)]
    assert counted.total.item() == sum(given), "every step counts once, replayed or not"


def test_an_input_may_change_its_values_but_not_the_recording(recorded):
    counted = CountedNetwork()
    step, mine = GraphedStep(counted, records=True), torch.ones(3)
    for _ in range(WARM_STEPS + 2):
        step(mine)
    mine.fill_(100)
    before = counted.total.item()
    step(torch.ones(3))
    assert counted.total.item() - before == 3


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted\nwhen stream is capturing"), None])
def test_a_step_that_cannot_be_recorded_runs_on_without(monkeypatch, error):
    def refuse(step, *, pool):
        raise error or torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "record", refuse)
    counted = CountedNetwork()
    step = GraphedStep(counted, records=True)
    for _ in range(10):
        step(torch.ones(1))
    assert (counted.calls, counted.total.item()) == (10, 10)
    (notice,) = step.notices
    assert notice.startswith("steps run without CUDA graphs")
    assert "\n" not in notice


@pytest.fixture(scope="module")
def task():
    """Everything that a step may involve: momentum, slow weights, a running mean, mixing, a smaller last batch."""
    setting = Setting(data=DIGITS, fingerprint=load_dataset(DIGITS).fingerprint, device="cpu", threads=1)
    recipe = replace(load_recipe("long"), ema=0.9, lookahead=5, lr=0.1, warmup=0.0)
    phases = (Phase(epochs=2, period=4), Phase(epochs=2, period=4))
    spec = ResNetSpec(blocks=(1, 1), widths=(8, 16))
    return TrainTask(setting=setting, spec=spec, recipe=recipe, phases=phases, seed=1, keep_weights=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_training_by_replays_gives_the_same_bits(task, recorded, monkeypatch, precision):
    task = replace(task, recipe=replace(task.recipe, precision=precision))
    without = perform(task, lambda report: None)
    assert recorded == []
    init = GraphedStep.__init__
    monkeypatch.setattr(
        GraphedStep, "__init__", lambda mine, step, *, records, pool: init(mine, step, records=True, pool=pool)
    )
    replayed = perform(task, lambda report: None)
    assert len(recorded) == 3, "a step, the smaller last one, and one of validation"
    assert replayed.reports == without.reports
    assert replayed.weights == without.weights


def test_fused_norms_change_nothing_on_a_cpu(task):
    plain, fused = (
        perform(replace(task, fuses=fuses, phases=whole(2)), lambda report: None) for fuses in (False, True)
    )
    assert fused.weights == plain.weights
    assert fused.reports == plain.reports


def test_a_refused_recording_is_a_notice_of_the_training(task, monkeypatch):
    init = GraphedStep.__init__
    monkeypatch.setattr(
        GraphedStep, "__init__", lambda mine, step, *, records, pool: init(mine, step, records=True, pool=pool)
    )

    def refuse(step, *, pool):
        raise RuntimeError("no graphs here")

    monkeypatch.setattr(graphs, "record", refuse)
    trained = perform(replace(task, phases=whole(1)), lambda report: None)
    assert trained.notices == ("steps run without CUDA graphs, which is slower: no graphs here",)


def test_a_broken_device_is_left_with_a_task_that_records_nothing(task, monkeypatch):
    def broken(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(performing, "train", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):  # the device is well
        perform(task, lambda report: None)
    monkeypatch.setattr(performing, "is_broken", lambda device: True)
    with pytest.raises(BrokenDeviceError, match="illegal memory access") as raised:
        perform(task, lambda report: None)
    assert raised.value.task == replace(task, records=False)
    with pytest.raises(RuntimeError, match="illegal memory access"):  # recording was not why
        perform(replace(task, records=False), lambda report: None)


@pytest.fixture
def on_gpu(task):
    recipe = replace(task.recipe, precision="bf16")
    return replace(task, setting=replace(task.setting, device="cuda"), recipe=recipe)


class TestOnAGpu:
    pytestmark = needs_gpu

    def test_recorded_equals_eager_bit_for_bit(self, on_gpu, tmp_path):
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            eager, replayed = (
                perform(replace(on_gpu, records=records), lambda report: None) for records in (False, True)
            )
            assert replayed.notices == ()
            assert replayed.weights == eager.weights
            assert replayed.reports == eager.reports
            kept = replace(on_gpu, checkpoint=str(tmp_path / "state"))
            perform(replace(kept, epochs=3), lambda report: None)
            assert perform(kept, lambda report: None).weights == eager.weights, "across a resume"
        finally:
            torch.use_deterministic_algorithms(False)

    def test_a_training_with_fused_norms_learns_and_repeats(self, on_gpu):
        fused = replace(on_gpu, fuses=True)
        first, again = (perform(fused, lambda report: None) for _ in range(2))
        assert first.weights == again.weights
        assert first.reports[-1].loss < first.reports[0].loss

    def test_a_step_waits_for_nothing(self, on_gpu):
        with own_stream("cuda"):
            run = _Run(on_gpu, load_dataset(DIGITS))
            run.advance()
            batch = next(run._feed.epoch())
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")
            try:
                run._learner.step(*batch, lr=0.1, number=1)
            finally:
                torch.cuda.set_sync_debug_mode("default")

    def test_a_step_that_waits_is_refused_and_runs_on(self):
        total = torch.zeros((), device="cuda")

        def step(images):
            total.add_(images.sum().item())

        with own_stream("cuda"):
            graphed = GraphedStep(step, records=True)
            for _ in range(10):
                graphed(torch.ones(3, device="cuda"))
        assert total.item() == 30
        assert len(graphed.notices) == 1
