"""CIFAR's files by their checksums: whole ones are used offline, damaged ones are never called missing."""

from __future__ import annotations

import hashlib
import pickle
import socket
import tarfile
from pathlib import Path

import numpy as np
import pytest

from budgetnas.data.known import find_data, load_cifar
from budgetnas.exceptions import DataError, MissingDataError


@pytest.fixture
def small_cifar10(tmp_path, monkeypatch):
    """Small files in CIFAR-10's place, whose hashes torchvision takes for right, their archive, and no network."""
    from torchvision.datasets import CIFAR10

    def unreachable(*arguments, **options):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    folder = tmp_path / "data" / CIFAR10.base_folder
    folder.mkdir(parents=True)
    batch = {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 0, 1]}
    hashes = {}
    for name, content in (("train", batch), ("test", batch), ("meta", {"label_names": ["a", "b"]})):
        (folder / name).write_bytes(pickle.dumps(content))
        hashes[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    archive = folder.parent / CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "train_list", [["train", hashes["train"]]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test", hashes["test"]]])
    monkeypatch.setattr(CIFAR10, "meta", {"filename": "meta", "key": "label_names", "md5": hashes["meta"]})
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    return folder


def read(folder):
    return load_cifar("cifar10", folder.parent)


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter extracted tar archives")
def test_a_whole_archive_is_unpacked_without_a_network_also_over_damaged_files(small_cifar10):
    assert len(read(small_cifar10).train) == 4
    (small_cifar10 / "test").write_bytes(b"cut")
    assert len(read(small_cifar10).test) == 4
    for file in small_cifar10.iterdir():
        file.unlink()
    assert read(small_cifar10).classes == ("a", "b")


@pytest.mark.parametrize("file", ["train", "test", "meta"])
@pytest.mark.parametrize("content", [b"cut", None])
def test_a_damaged_file_is_named_and_not_called_missing(small_cifar10, file, content):
    next(small_cifar10.parent.glob("*.tar.gz")).unlink()
    if content is None:
        (small_cifar10 / file).unlink()
    else:
        (small_cifar10 / file).write_bytes(content)
    fault = "is missing" if content is None else r"has another checksum \(MD5\)"
    with pytest.raises(DataError, match=rf"is damaged \({file} {fault}.*delete it, and put cifar-10-python") as caught:
        read(small_cifar10)
    assert not isinstance(caught.value, MissingDataError)


def test_a_damaged_archive_is_named_and_what_is_not_there_is_missing(small_cifar10):
    archive = next(small_cifar10.parent.glob("*.tar.gz"))
    for file in small_cifar10.iterdir():
        file.unlink()
    archive.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"tar\.gz` has another checksum \(MD5\).*cannot be downloaded again") as caught:
        read(small_cifar10)
    assert not isinstance(caught.value, MissingDataError)
    archive.unlink()
    with pytest.raises(MissingDataError, match="is not in"):
        read(small_cifar10)


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
    assert found["cifar10"].note.startswith("its first use downloads 170 MB from https://")
    assert str(tmp_path / "data") in found["cifar10"].note
    assert not (tmp_path / "data").exists()


def test_files_count_only_when_they_are_whole(small_cifar100):
    data = small_cifar100.parent
    assert cifar100(data).is_here
    assert str(small_cifar100) in cifar100(data).note
    (small_cifar100 / "test").write_bytes(b"cut")
    assert "which its first use unpacks" in cifar100(data).note  # the archive is whole
    next(data.glob("*.tar.gz")).unlink()
    broken = cifar100(data)
    assert broken.is_here is False
    assert (
        "is damaged (test has another checksum (MD5) than the published file); its first use downloads" in broken.note
    )
