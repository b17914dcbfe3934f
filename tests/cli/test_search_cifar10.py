"""The whole command on real images: the JPEG copy of CIFAR-10, 200 images of each class."""

from __future__ import annotations

import json

import pytest
import torch

from budgetnas.certificates.certificate import load_certificate
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.training.images import Normaliser, to_device


@pytest.mark.cifar10
def test_the_winner_beats_chance_fits_the_cap_and_reloads(budgetnas, tmp_path, cifar10_npz):
    words = ("--max-params", "300k", "--subset", 200, "--trials", 4, "--promote", 1, "--full-epochs", 6)
    small = ("--set", "space.max_macs=20M", "--set", "proxy.rungs=[3]", "--device", "cpu")
    done = budgetnas("search", "--dataset", cifar10_npz, *words, *small, "--name", "real", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    winner = json.loads(done.stdout)["winner"]
    assert winner["params"] <= 300_000
    assert winner["test_accuracy"] > 0.2
    model, arch = load_certificate(tmp_path / "runs" / "real" / "best")
    data = load_dataset(DataConfig(dataset=str(cifar10_npz), subset=200))
    images, labels = to_device(data.test, "cpu")
    normalise = Normaliser(arch["normalisation"]["mean"], arch["normalisation"]["std"], "cpu")
    with torch.no_grad():
        right = sum(
            (model(normalise(images[i : i + 500])).argmax(1) == labels[i : i + 500]).sum().item()
            for i in range(0, len(labels), 500)
        )
    assert abs(right / len(labels) - winner["test_accuracy"]) <= 2 / len(labels)
