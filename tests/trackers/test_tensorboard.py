"""What a tracked search leaves, read by TensorBoard's own reader: one search of digits, stopped in the middle."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG

import budgetnas as package
from budgetnas.pipeline.progress import Listener

ASKED = {
    "max_params": "30k", "trials": 3, "promote": 1, "full_epochs": 2, "paper_models": False, "dataset": "digits",
    "subset": 20, "device": "cpu", "workers": 1, "settings": {"space.widths": [8, 32], "proxy.rungs": [3]}, "name": "t",
}  # fmt: skip
METRICS = {"validation/accuracy": "accuracy", "validation/loss": "loss", "train/loss": "train_loss"}
addresses: list[object] = []


class Stop(Listener):
    """Stops a search after the second epoch of its second training, which trackers do not hear of."""

    def epoch_ended(self, trial, report):
        if (trial.number, report.epoch) == (1, 2):
            raise KeyboardInterrupt


def note_address(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        addresses.append(arguments[1])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    sys.addaudithook(note_address)
    addresses.clear()
    with pytest.raises(KeyboardInterrupt):
        package.search(**ASKED, out=folder, track="tensorboard", listener=Stop())
    interrupted = folder / "t" / "tensorboard"
    assert sorted(path.name[:2] for path in (interrupted / "r3").iterdir()) == ["0-", "1-"]
    assert len(curve(next((interrupted / "r3").glob("1-*")), "validation/accuracy")) == 1
    package.search(**ASKED, out=folder, track=["tensorboard"])
    assert addresses == []
    return folder / "t"


@pytest.fixture
def copied(run, tmp_path):
    shutil.copytree(run, tmp_path / "t")
    return tmp_path / "t"


def again(folder, **words):
    return package.search(**ASKED, out=folder.parent, **{"track": "tensorboard", **words})


def read(folder):
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    return found.Reload()


def curve(folder, metric):
    found = read(folder)
    return [(event.step, event.value) for event in found.Scalars(metric)] if metric in found.Tags()["scalars"] else []


def curves(run):
    """Every point of every training by level, trial and metric, in the order of epochs."""
    folders = [path for level in ("r3", "full") for path in (run / "tensorboard" / level).iterdir()]
    return {
        (path.parent.name, int(path.name.partition("-")[0]), metric): sorted(curve(path, metric))
        for path in folders
        for metric in METRICS
    }


def test_every_curve_is_there_once_also_of_the_training_that_was_stopped(run):
    stored, found = pd.read_csv(run / "curves.csv"), curves(run)
    assert len(found) == 3 * len(stored.groupby(["level", "trial"])) == 3 * 4
    for (level, trial, metric), points in found.items():
        rows = stored[(stored.level == level) & (stored.trial == trial)]
        assert [epoch for epoch, _ in points] == list(rows.epoch)
        assert [value for _, value in points] == pytest.approx(list(rows[METRICS[metric]]), rel=1e-5)


def test_what_a_training_was_started_with_is_its_hyperparameters(run):
    trainings = pd.read_csv(run / "trainings.csv")
    (first,) = (run / "tensorboard" / "r3").glob("0-*")
    found = {tag: content(first, tag) for tag in (SESSION_START_INFO_TAG, SESSION_END_INFO_TAG)}
    values = found[SESSION_START_INFO_TAG].session_start_info.hparams
    row = trainings.iloc[0]
    assert values["network"].string_value == row.spec
    assert values["level"].string_value == "r3"
    numbers = {name: values[name].number_value for name in ("params", "macs", "seed", "epochs")}
    assert numbers == {"params": row.params, "macs": row.macs, "seed": row.seed, "epochs": 3}
    assert found[SESSION_END_INFO_TAG].session_end_info.end_time_secs > 0


def content(folder, tag):
    data = read(folder).SummaryMetadata(tag).plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(data)


def test_the_result_is_that_of_the_report(run):
    found, said = read(run / "tensorboard" / "result"), json.loads((run / "results.json").read_text())
    numbers = {tag: found.Scalars(tag)[0].value for tag in found.Tags()["scalars"]}
    assert numbers["validation/accuracy"] == pytest.approx(said["winner"]["score"])
    assert numbers["test/accuracy"] == pytest.approx(said["winner"]["test_accuracy"])
    assert numbers["winner/params"] == said["winner"]["params"]
    words = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert (words["winner"], words["verdict"]) == (said["winner"]["spec"], said["verdict"])
    assert [line.rpartition("/")[2] for line in words["files"].split("\n\n")] == [
        "report.html", "trials.csv", "results.json", "best",
    ]  # fmt: skip


def test_the_same_command_adds_nothing(copied):
    before = {path: path.read_bytes() for path in copied.glob("tensorboard/*/*/*")}
    table = (copied / "trials.csv").read_bytes()
    again(copied)
    assert {path: path.read_bytes() for path in copied.glob("tensorboard/*/*/*")} == before
    assert (copied / "trials.csv").read_bytes() == table
    assert len(list((copied / "tensorboard" / "result").iterdir())) == 1


def test_points_that_a_killed_driver_did_not_write_are_added(run, copied):
    (cut,) = copied.glob("tensorboard/full/0-*/events*")
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    assert curves(copied) != curves(run)
    again(copied)
    assert curves(copied) == curves(run)
    assert len(list(cut.parent.iterdir())) == 2, "what was there stays"


def test_a_tracker_that_cannot_write_is_one_warning_and_gets_every_training_later(run, copied, caplog):
    shutil.rmtree(copied / "tensorboard")
    (copied / "tensorboard").write_text("no folder")
    table = (copied / "trials.csv").read_bytes()
    with caplog.at_level(logging.WARNING, logger="budgetnas"):
        assert again(copied).spec is not None
    (warning,) = (record.getMessage() for record in caplog.records)
    assert re.match(r"tensorboard has stopped \((FileExists|NotADirectory)Error: ", warning)
    assert (copied / "trials.csv").read_bytes() == table
    (copied / "tensorboard").unlink()
    again(copied)
    assert curves(copied) == curves(run)


def test_trainings_are_tracked_too(budgetnas, tmp_path):
    words = "train 1x8 --dataset digits --subset 20 --epochs 2 --device cpu --workers 1 --name one --track tensorboard"
    done = budgetnas(*words.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    run = tmp_path / "runs" / "one"
    stored = pd.read_csv(run / "epochs.csv")
    (folder,) = (run / "tensorboard").glob("0-1x8")
    for metric, column in METRICS.items():
        epochs, values = zip(*curve(folder, metric), strict=True)
        assert list(epochs) == [1, 2]
        assert list(values) == pytest.approx(list(stored[column]), rel=1e-5)
    assert curve(run / "tensorboard" / "result", "test/accuracy/1x8")


@pytest.mark.parametrize("command", ["search --max-params 30k", "calibrate --max-params 30k", "train 1x8", "reproduce"])
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_written(budgetnas, tmp_path, monkeypatch, command):
    monkeypatch.delitem(sys.modules, "budgetnas.trackers.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard.plugins.hparams", None)
    words = [*command.split(), "--dataset", "digits", "--device", "cpu"]
    done = budgetnas(*words, "--track", "tensorboard", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("budgetnas: `--track` is 'tensorboard', but tensorboard")
    assert done.stderr.endswith(" is not installed: run pip install 'budgetnas[tensorboard]'.\n")
    unknown = budgetnas(*words, "--track", "tensorboard,aim", cwd=tmp_path)
    assert unknown.returncode == 2
    assert list(tmp_path.iterdir()) == []
