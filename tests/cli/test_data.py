"""Every command that reads a data set has the same options for it, and reads the same images by them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import budgetnas
from budgetnas.certificates.json_files import own_digest
from budgetnas.cli.main import main, make_parser
from budgetnas.cli.options import DATA_KEYS, read_data
from budgetnas.cli.studies import read_study_arguments
from budgetnas.cli.trainings import read_train_arguments
from budgetnas.config.sections import DataConfig

NAMED = ("--dataset", "own", "--data-dir", "there", "--subset", "7", "--image-size", "24", "--test-share", "0.25")
CONFIG = DataConfig(dataset="own", dir="there", subset=7, image_size=24, test_share=0.25)
COMMANDS = {"search": (), "calibrate": (), "train": ("resnet20",), "reproduce": (), "verify": ("runs/x/best",)}


def read(command: str, *words: str) -> DataConfig:
    """Read which images a command means, where no run says more."""
    arguments = make_parser(command).parse_args([command, *COMMANDS[command], *words])
    if command in ("search", "calibrate"):
        return read_study_arguments(arguments, {}).config.data
    if command == "verify":
        return replace(DataConfig(), **read_data(arguments))
    return replace(DataConfig(), **read_train_arguments(arguments, name="x").data)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_a_data_set_has_the_same_options_for_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {word.removeprefix("--").replace("-", "_") for word in NAMED[::2]} == set(DATA_KEYS)
    assert read(command, *NAMED) == CONFIG
    assert read(command) == DataConfig()


def test_a_key_without_an_option_is_named_alike_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in ("search", "calibrate", "train", "reproduce"):
        assert read(command, "--set", "data.flip=false", "--set", "data.shift=0") == DataConfig(flip=False, shift=0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--subset", "1"), "`--subset` is 1, but must be from 2"),
        (("--image-size", "0"), "`--image-size` is 0, but must be from 1 to 4,096"),
        (("--test-share", "1"), "`--test-share` is 1.0, but must be above 0 and below 1"),
        (("--image-size", "16", "--dataset", "digits"), "`--image-size` is 16, but only image folders are resized"),
        (("--test-share", "0.5", "--dataset", "digits"), "`--test-share` is 0.5, but digits has a test split"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_names_the_option_that_was_typed(command, words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cap = ("--max-params", "1e5") if command in ("search", "calibrate") else ()
    best = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35" / "finished" / "best"
    named = (str(best),) if command == "verify" else COMMANDS[command]
    data = () if "--dataset" in words or command != "verify" else ("--dataset", "digits")
    assert main([command, *named, *cap, *words, *data]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("full.epochs=3",), "`--set` has a key of full, but here it takes keys of data only, such as data.flip=false"),
        (("data.colour=1",), "`data.colour` is no key of data"),
        (("data.flip=maybe",), "`data.flip` is 'maybe', but must be true or false"),
        (("flip",), "`--set` is 'flip', but must be section.key=value"),
    ],
)
def test_what_a_training_cannot_be_told_is_one_line(words, said, capsys):
    assert main(["train", "resnet20", "--dataset", "digits", "--set", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_no_message_gives_advice_that_commands_have_no_option_for():
    """Text of `data/` is read by users of five commands, of which only two have `--set` for every key."""
    found = set()
    for path in (Path(budgetnas.__file__).parent / "data").glob("*.py"):
        found |= set(re.findall(r"`(data\.[a-z_]+)=", path.read_text()))
    assert found == {"data.dataset", "data.test_share", "data.image_size"}
    options = {option for option, key in DATA_KEYS.items() if key in found}
    for command in COMMANDS:
        actions = make_parser(command)._subparsers._group_actions[0].choices[command]._actions
        assert options <= {action.dest for action in actions}, command


SMALL = ("--image-size", "8", "--subset", "6")
QUICK = ("--device", "cpu", "--workers", "1")


@pytest.fixture(scope="module")
def home(budgetnas, tmp_path_factory):
    """A folder of images of many sizes, `mixed`, and `runs/found`, a search of it at 8x8 pixels."""
    folder = tmp_path_factory.mktemp("mixed")
    draw(folder / "mixed", seed=0)
    words = ("--max-params", "20k", "--trials", 1, "--promote", 1, "--full-epochs", 1, "--set", "proxy.rungs=[1]")
    found = ("--no-paper-models", "--dataset", "mixed", "--name", "found", *SMALL, *QUICK)
    done = budgetnas("search", *words, *found, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def draw(folder: Path, *, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for split, number in (("train", 9), ("test", 7)):
        for label in ("cat", "dog", "fox"):
            (folder / split / label).mkdir(parents=True)
            for i in range(number):
                pixels = rng.integers(0, 256, (9 + i, 10 + i % 3, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / label / f"{i}.png")


def reading(certificate: Path) -> dict[str, object]:
    return json.loads((certificate / "MANIFEST.json").read_text())["data"]


def test_a_certificate_is_verified_on_images_read_as_its_search_read_them(home, budgetnas):
    best = home / "runs" / "found" / "best"
    assert {key: reading(best)[key] for key in ("subset", "image_size", "test_share")} == {
        "subset": 6, "image_size": 8, "test_share": None,
    }  # fmt: skip
    verified = budgetnas("verify", best, "--dataset", "mixed", cwd=home)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "of 18 right" in verified.stdout
    assert "fingerprint" not in verified.stdout
    more = budgetnas("verify", best, "--dataset", "mixed", "--subset", 5, cwd=home)
    assert "of 15 right" in more.stdout
    assert "mixed is not the data that it was trained on (its fingerprint differs)" in more.stdout


def test_other_images_of_any_size_are_read_so_too_and_told_to_be_others(home, budgetnas, make_npz, tmp_path):
    draw(tmp_path / "others", seed=1)
    best = home / "runs" / "found" / "best"
    verified = budgetnas("verify", best, "--dataset", tmp_path / "others")
    assert "others is not the data that it was trained on (its fingerprint differs)" in verified.stdout
    assert "of 18 right" in verified.stdout
    npz = budgetnas("verify", best, "--dataset", make_npz(side=8))
    assert "of 18 right" in npz.stdout, "an .npz is not resized, and need not be"
    large = budgetnas("verify", best, "--dataset", make_npz(side=9))
    assert "own has images of 3x9x9 in 3 classes, but the network takes images of 3x8x8 in 3" in large.stdout


def test_grey_images_are_read_with_the_channels_that_the_network_takes(home, budgetnas, tmp_path):
    for split in ("train", "test"):
        for label in ("cat", "dog", "fox"):
            (tmp_path / "grey" / split / label).mkdir(parents=True)
            for i in range(6):
                Image.new("L", (20, 20), 40 * i).save(tmp_path / "grey" / split / label / f"{i}.png")
    verified = budgetnas("verify", home / "runs" / "found" / "best", "--dataset", tmp_path / "grey")
    assert "of 18 right" in verified.stdout


def test_a_certificate_that_does_not_say_how_its_images_were_read_is_told(home, budgetnas, tmp_path):
    shutil.copytree(home / "runs" / "found" / "best", tmp_path / "old")
    path = tmp_path / "old" / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["data"] = {key: manifest["data"][key] for key in ("name", "fingerprint")}
    path.write_text(json.dumps({**manifest, "digest": own_digest(manifest)}))
    words = ("verify", tmp_path / "old", "--dataset", "mixed")
    asked = budgetnas(*words, cwd=home)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert "--image-size N" in asked.stderr
    assert budgetnas(*words, *SMALL, cwd=home).returncode == 0


def test_a_finished_search_goes_on_with_the_size_and_the_share_of_its_run(home, budgetnas):
    again = budgetnas("search", "--name", "found", cwd=home)
    assert again.returncode == 0, again.stderr
    assert "This search was already finished; this is its result." in again.stdout


def test_its_network_predicts_images_of_any_size_as_it_was_trained(home, budgetnas):
    found = budgetnas("predict", "runs/found", "mixed/test", cwd=home)
    assert found.returncode == 0, found.stderr
    assert "mixed/test/cat/0.png: " in found.stdout
    assert "resized" not in found.stdout


def test_a_training_reads_them_alike_and_resumes_with_what_its_run_had(home, budgetnas, tmp_path):
    words = ("train", "1x16", "--dataset", "mixed", "--epochs", 1, "--name", "one", *QUICK)
    asked = budgetnas(*words, cwd=home)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    assert "--image-size N" in asked.stderr
    assert not (home / "runs" / "one").exists()
    done = budgetnas(*words, *SMALL, "--set", "data.flip=false", cwd=home)
    assert done.returncode == 0, done.stderr
    again = budgetnas("train", "1x16", "--name", "one", cwd=home)
    assert again.returncode == 0, again.stderr
    assert "epoch 1/1" not in again.stdout
    for named, said in (
        (("--image-size", 9), "data.fingerprint was"),
        (("--set", "data.flip=true"), "data.flip was False, is True"),
    ):
        refused = budgetnas("train", "1x16", "--name", "one", *named, cwd=home)
        assert refused.returncode == 1
        assert said in refused.stderr
    assert budgetnas("export", "runs/one", "--out", tmp_path / "net", cwd=home).returncode == 0
    verified = budgetnas("verify", tmp_path / "net", "--dataset", "mixed", cwd=home)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "fingerprint" not in verified.stdout
