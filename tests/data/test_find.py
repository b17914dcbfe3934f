from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from budgetnas.data.cifar import find_data


@pytest.fixture
def small_cifar100(tmp_path, monkeypatch):
    """Small files in CIFAR-100's place, whose hashes torchvision takes for right, and their archive."""
    from torchvision.datasets import CIFAR100

    folder = tmp_path / "data" / CIFAR100.base_folder
    folder.mkdir(parents=True)
    hashes = {}
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(name.encode())
        hashes[name] = hashlib.md5(name.encode()).hexdigest()
    archive = folder.parent / CIFAR100.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, CIFAR100.base_folder)
    monkeypatch.setattr(CIFAR100, "train_list", [["train", hashes["train"]]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", hashes["test"]]])
    monkeypatch.setattr(CIFAR100, "meta", {"filename": "meta", "md5": hashes["meta"]})
    monkeypatch.setattr(CIFAR100, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    return folder


def cifar100(folder: Path):
    return next(found for found in find_data(folder) if found.name == "cifar100")


def test_what_is_not_there_is_said_to_be_downloaded_and_from_where(tmp_path):
    found = {one.name: one for one in find_data(tmp_path / "data")}
    assert list(found) == ["digits", "digits-hard", "cifar10", "cifar100"]
    assert [one.is_here for one in found.values()] == [True, True, False, False]
    assert found["cifar10"].told.startswith("its first use downloads 170 MB from https://")
    assert str(tmp_path / "data") in found["cifar10"].told
    assert not (tmp_path / "data").exists()


def test_files_count_only_when_they_are_whole(small_cifar100):
    data = small_cifar100.parent
    assert cifar100(data).is_here
    assert str(small_cifar100) in cifar100(data).told
    (small_cifar100 / "test").write_bytes(b"cut")
    assert "which its first use unpacks" in cifar100(data).told  # the archive is whole
    next(data.glob("*.tar.gz")).unlink()
    broken = cifar100(data)
    assert broken.is_here is False
    assert (
        "is damaged (test has another checksum (MD5) than the published file); its first use downloads" in broken.told
    )
