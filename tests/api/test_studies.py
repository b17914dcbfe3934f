"""What `search` and `calibrate` ask for is what the commands ask for; the drivers themselves are tested there."""

from __future__ import annotations

import os
import signal

import pytest

import budgetnas as package
from budgetnas.pipeline import calibrate, search
from budgetnas.pipeline.progress import Progress


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What the drivers are asked for, which end at once."""
    configs = []

    def work(config, listener, *, command, track):
        configs.append(config)
        for done in range(3):
            listener.progressed(Progress(level="full", done=done, total=2, best=None))
        raise package.StorageError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search, "search", work)
    monkeypatch.setattr(calibrate, "calibrate", work)
    return configs


def test_a_search_asks_for_what_the_command_asks_for(asked, budgetnas):
    words = (
        "search resnet20_budget --max-params 60k --trials 7 --sampler random --promote 2 --no-paper-models --refit",
        "--dataset digits --subset 9 --out else --name n --device cpu --workers 2 --full-epochs 4 --seed 3",
        "--max-hours 1.5 --set space.widths=[16,64] --set space.max_macs=1G --storage sqlite:///s.db",
    )
    assert budgetnas(*" ".join(words).split()).returncode == 1
    with pytest.raises(package.StorageError, match="enough"):
        package.search(
            study="resnet20_budget",
            max_params="60k",
            max_macs="1G",
            trials=7,
            sampler="random",
            promote=2,
            paper_models=False,
            refit=True,
            dataset="digits",
            subset=9,
            out="else",
            name="n",
            seed=3,
            device="cpu",
            workers=2,
            full_epochs=4,
            max_hours=1.5,
            storage="sqlite:///s.db",
            settings={"space.widths": (16, 64)},
        )
    by_command, by_call = asked
    assert by_call == by_command


def test_a_calibration_asks_for_what_the_command_asks_for(asked, budgetnas):
    words = "calibrate --max-params 60k --dataset digits --networks 5 --lengths 3,1 --full-epochs 6 --device cpu"
    assert budgetnas(*words.split()).returncode == 1
    with pytest.raises(package.StorageError, match="enough"):
        package.calibrate(max_params="60k", dataset="digits", networks=5, lengths=(3, 1), full_epochs=6, device="cpu")
    by_command, by_call = asked
    assert by_call == by_command
    assert by_call.proxy.rungs == (1, 3)


def test_settings_of_a_calibration_come_before_its_arguments_as_after_the_command(asked, budgetnas):
    words = "calibrate --max-params 60k --dataset digits --device cpu --set search.trials=5 --set proxy.rungs=[1,3]"
    assert budgetnas(*words.split()).returncode == 1
    settings = {"search.trials": 5, "proxy.rungs": [1, 3]}
    with pytest.raises(package.StorageError, match="enough"):
        package.calibrate(max_params="60k", dataset="digits", device="cpu", settings=settings)
    by_command, by_call = asked
    assert by_call == by_command
    assert (by_call.search.trials, by_call.proxy.rungs) == (5, (1, 3))


def test_a_listener_hears_progress_and_an_interruption_waits_for_it(asked):
    class Interrupted(package.Listener):
        heard = 0

        def progressed(self, progress):
            self.heard += 1
            os.kill(os.getpid(), signal.SIGINT)  # in the middle of a step

    before, listener = signal.getsignal(signal.SIGINT), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        package.search(max_params="60k", listener=listener)
    assert listener.heard == 1
    assert signal.getsignal(signal.SIGINT) is before
