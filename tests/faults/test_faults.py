"""The faults that a search meets, each on the real command; `sweep.py` has many more moments of each kind."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from scene import RUN, Scene, disturb, interrupt, judge, kill_both, kill_driver, kill_worker, terminate

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The final tables of the search: 10 trials of the first rung, 4 of the second, 4 full, 4 controls."""
    scene = Scene(tmp_path_factory.mktemp("undisturbed"))
    assert scene.finish() == 0, scene.said
    return scene.tables()


@pytest.fixture
def disk(tmp_path):
    """A disk of its own size that can be filled, made read-only and enlarged."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this user may not mount a tmpfs")

    def remount(options):
        end, command = time.monotonic() + 10, ["mount", "-o", f"remount,{options}", folder]
        while subprocess.run(command, capture_output=True, check=False).returncode and time.monotonic() < end:
            time.sleep(0.1)  # a killed process closes its files last
        subprocess.run(command, check=True)

    yield folder, remount
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    ("what", "trials", "status"),
    [
        (kill_driver, 17, -9),
        (kill_worker, 5, 0),
        (kill_both, 13, -9),
        (terminate, 14, 143),
        (interrupt, 8, 130),
    ],
)
def test_cut_off_anywhere_it_goes_on_to_the_same_tables(undisturbed, tmp_path, what, trials, status):
    outcome = disturb(Scene(tmp_path), undisturbed, what, trials=trials, later=0.02)
    assert outcome.is_clean, outcome
    assert outcome.status == status


def test_stopped_politely_no_trial_is_left_running_and_the_way_on_is_told(undisturbed, tmp_path):
    scene = Scene(tmp_path, environment={"FAKE_SECONDS": "2"})
    process = scene.start()
    while not len(scene.trials()) and process.poll() is None:
        time.sleep(0.1)
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert set(scene.trials().state) == {"WAITING"}
    assert "run the same command to resume" in (tmp_path / "stdout").read_text()
    assert scene.alive() == []


def test_a_worker_that_hangs_past_its_time_is_ended_and_the_search_is_none_the_worse(undisturbed, tmp_path):
    (tmp_path / "marks").mkdir()
    scene = Scene(tmp_path, environment={"FAKE_MARKS": str(tmp_path / "marks")})
    scene.words = (*scene.words, "--set", "engine.trial_timeout=5")
    assert scene.finish(FAKE_TROUBLE="hang") == 0, scene.said
    assert len(list((tmp_path / "marks").iterdir())) == 1
    outcome = judge(scene, undisturbed, before=scene.trials(), status=0)
    assert outcome.is_clean, outcome


@pytest.mark.parametrize(("kind", "reason"), [("memory", "out of memory: 9 TB"), ("nan", "diverged in epoch 1")])
def test_a_training_that_cannot_be_done_fails_with_its_reason_and_the_search_goes_on(
    undisturbed, tmp_path, kind, reason
):
    (tmp_path / "marks").mkdir()
    scene = Scene(tmp_path, environment={"FAKE_MARKS": str(tmp_path / "marks")})
    assert scene.finish(FAKE_TROUBLE=kind) == 0, scene.said
    trials = scene.tables()["trials"]
    (failed,) = trials[trials.state == "FAIL"].itertuples()
    assert failed.reason.startswith(reason)
    assert (trials.state == "COMPLETE").sum() == 10  # a failed training counts for none
    assert (scene.half_written(), scene.alive()) == ([], [])


@pytest.mark.parametrize("left", [8, 200, 2_000], ids=lambda left: f"{left} kB left")
def test_a_full_disk_stops_it_in_a_line_and_room_lets_it_go_on(undisturbed, disk, left):
    folder, _ = disk
    scene = Scene(folder)
    filler = folder / "filler"
    with filler.open("wb") as file:
        free = os.statvfs(folder)
        file.write(b"\0" * (free.f_bavail * free.f_frsize - 1024 * left))
    status = scene.finish()
    said = scene.said
    assert status == 1
    filler.unlink()
    assert said.count("\n") == 1 or not said  # the line itself may have found no room
    assert "Traceback" not in said
    outcome = judge(scene, undisturbed, before=scene.trials(), status=status)
    assert outcome.is_clean, outcome


def test_a_full_disk_under_a_checkpoint_stops_the_training_in_a_line_and_room_lets_it_go_on(disk, tmp_path, budgetnas):
    folder, remount = disk
    words = ("train", "--blocks", "1", "--widths", "96", "--dataset", "digits", "--device", "cpu", "--epochs", 2,
             "--workers", 1, "--name", "digits-60k-s0")  # fmt: skip
    scene = Scene(folder, words=words, command=("-m", "budgetnas"))
    remount("size=1m")  # a state of 1.3 MB has no room
    assert scene.finish() == 1
    assert "cannot be written" in scene.said
    assert scene.said.count("\n") == 1
    remount("size=64m")
    assert scene.finish() == 0, scene.said
    assert budgetnas(*words, cwd=tmp_path).returncode == 0
    ours, theirs = (one / RUN / "weights" / "0.safetensors" for one in (folder, tmp_path))
    assert ours.read_bytes() == theirs.read_bytes()
    assert scene.half_written() == []


def test_a_read_only_folder_stops_it_in_a_line_that_leaves_all_as_it_was(undisturbed, disk):
    folder, remount = disk
    scene = Scene(folder)
    process = scene.start()
    while scene.ended() < 4 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    scene.alive()
    before = scene.trials()
    remount("ro")
    command = [*map(str, (sys.executable, *scene.command, *scene.words))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    remount("rw")
    assert done.returncode == 1
    assert "cannot be written (Read-only file system)" in done.stderr
    assert done.stderr.count("\n") == 1
    outcome = judge(scene, undisturbed, before=before, status=1)
    assert outcome.is_clean, outcome


def test_data_that_change_under_a_running_study_stop_it_and_the_old_data_let_it_go_on(make_npz, tmp_path):
    good = make_npz(per_class=30)
    words = ("search", "--max-params", "60k", "--trials", 4, "--promote", 1, "--full-epochs", 1, "--dataset", "own.npz",
             "--no-paper-models", "--device", "cpu", "--workers", 1, "--set", "space.widths=[16, 64]", "--set",
             "proxy.rungs=[10]", "--name", "digits-60k-s0")  # fmt: skip
    scene = Scene(tmp_path, words=words, command=("-m", "budgetnas"))
    content = good.read_bytes()
    process = scene.start()
    while not (scene.trials().state == "COMPLETE").any() and process.poll() is None:
        time.sleep(0.05)
    make_npz(per_class=30, y_train=np.repeat([2, 1, 0], 30))
    kill_worker(scene, process)  # the next one reads the data anew
    assert process.wait(timeout=120) == 1
    assert "`own.npz` has changed since the study was started" in scene.said
    assert scene.said.count("\n") == 1
    assert scene.finish() == 1
    assert "data.fingerprint was" in scene.said
    good.write_bytes(content)
    before = scene.trials()
    undisturbed = Scene(tmp_path / "undisturbed", words=tuple("../own.npz" if w == "own.npz" else w for w in words),
                        command=("-m", "budgetnas"))  # fmt: skip
    undisturbed.folder.mkdir()
    assert undisturbed.finish() == 0, undisturbed.said
    outcome = judge(scene, undisturbed.tables(), before=before, status=1)
    assert outcome.is_clean, outcome
