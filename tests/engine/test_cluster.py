"""The same promises on a real Ray with two GPUs that are not there."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from contract import Contract, collect
from workers import shared, work

from budgetnas.exceptions import EngineError

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings are not ours
ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster():
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    from budgetnas.engine import cluster

    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.CRITICAL}
    ray.init(address="local", num_cpus=4, num_gpus=2, **quiet)
    yield cluster
    ray.shutdown()


class TestRayEngine(Contract):
    dead = "Ray gave it up after 2 retries (WorkerCrashedError"
    patience, processes = 2.0, 4

    @pytest.fixture
    def engine(self, cluster):
        engine = cluster.RayEngine(work, workers=2, threads=1, gpus=0.5)
        yield engine
        engine.close()

    @pytest.fixture
    def impatient(self, cluster):
        engine = cluster.RayEngine(work, workers=2, threads=1, gpus=0, timeout=self.patience)
        yield engine
        engine.close()


def test_half_a_gpu_each_puts_two_tasks_on_one_and_each_sees_only_its_own(cluster):
    assert cluster.resources() == (2, 4)
    engine = cluster.RayEngine(work, workers=4, threads=1, gpus=0.5)
    try:
        for key in "abcd":
            engine.submit(key, ("see a GPU",))
        assert sorted(event.result for event in collect(engine, 4)) == ["0", "0", "1", "1"]
    finally:
        engine.close()


def test_arrays_of_the_work_are_put_once_and_shared_by_the_workers_of_a_node(cluster):
    images = np.arange(10**6, dtype=np.uint8)
    engine = cluster.RayEngine(partial(shared, images), workers=2, threads=1, gpus=0)
    try:
        for key in "ab":
            engine.submit(key, key)
        for event in collect(engine, 2):
            assert event.result == (int(images.sum()), False)  # a copy would be writeable
    finally:
        engine.close()


def test_an_address_where_no_ray_answers_is_one_line(cluster):
    with (
        pytest.raises(EngineError, match=r"`ray.address` is '127.0.0.1:1', but no Ray answers there"),
        cluster.connection("127.0.0.1:1"),
    ):
        pass
