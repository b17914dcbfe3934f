from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from a_training import late_imports
from contract import Contract, collect
from workers import work

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import load_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.engine import local
from budgetnas.engine.local import LocalEngine
from budgetnas.training.tasks import Setting, TrainTask
from budgetnas.trials.declaration import whole

DIGITS = DataConfig(dataset="digits")


class TestLocalEngine(Contract):
    dead = "its worker died 3 times (signal SIGKILL)"
    patience, processes = 3.0, 2

    @pytest.fixture
    def engine(self):
        engine = LocalEngine(work, workers=2)
        yield engine
        engine.close()

    @pytest.fixture
    def impatient(self):
        engine = LocalEngine(work, workers=2, timeout=self.patience)
        yield engine
        engine.close()


def test_gpus_are_shared_out_among_the_workers(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    several = LocalEngine(work, workers=3, gpus=2)
    try:
        for key in "abc":
            several.submit(key, ("environment", "CUDA_VISIBLE_DEVICES"))
        assert sorted(event.result for event in collect(several, 3)) == ["3", "3", "5"]
    finally:
        several.close()


def test_a_training_finds_nearly_all_that_it_imports_in_the_server_that_its_worker_forks_from():
    setting = Setting(data=DIGITS, fingerprint=load_dataset(DIGITS).fingerprint, device="cpu", threads=1)
    spec = ResNetSpec(blocks=(1, 1), widths=(8, 16))
    recipe = load_recipe("full")
    task = TrainTask(setting=setting, spec=spec, recipe=recipe, phases=whole(1), seed=1, subset=10, keep_weights=False)
    engine = LocalEngine(late_imports, workers=1)
    try:
        engine.submit("a", task)
        late = collect(engine, 1)[-1].result
    finally:
        engine.close()
    assert len(late) < 30, late


DRIVER = """
import sys
import threading
from workers import work
from budgetnas.engine import local
from budgetnas.engine.local import LocalEngine

if __name__ == "__main__":
    engine = LocalEngine(work, workers=1)
    engine.submit("a", ("tell pid and sleep", sys.argv[1]))
    while True:
        engine.wait(60)
"""


def test_a_worker_in_mid_task_ends_when_its_driver_is_killed(tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    told = tmp_path / "pid"
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, tmp_path / "driver.py", told]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}) as driver:
        assert until(lambda: told.exists() and told.read_text())
        driver.kill()
    worker = int(told.read_text())
    assert until(lambda: not is_alive(worker), seconds=20)


def until(holds, *, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return bool(held)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_threads_that_start_workers_at_once_hide_the_main_script_and_give_it_back():
    main = vars(sys.modules["__main__"])
    before = {name: main.get(name) for name in ("__file__", "__spec__")}
    seen, inside = [], threading.Event()

    def start(wait):
        with local._without_main():
            inside.set()
            time.sleep(wait)
            seen.append(main["__file__"])

    first = threading.Thread(target=start, args=(0.2,))
    first.start()
    inside.wait()
    start(0.0)
    first.join()
    assert seen == [None, None]
    assert {name: main.get(name) for name in before} == before
