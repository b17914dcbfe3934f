from __future__ import annotations

import os
import subprocess
import sys

import pytest

from budgetnas.exceptions import StorageError
from budgetnas.storage.files import (
    HALF,
    digest,
    holder,
    own,
    parse_json,
    read_bytes,
    read_file,
    write_bytes,
    write_json,
)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"old": True})

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"a\.json` cannot be written \(No space left on device\)"):
        write_json(path, {"new": True})
    assert parse_json(path.read_bytes(), where=path) == {"old": True}
    assert [child.name for child in tmp_path.iterdir()] == ["a.json"]


def test_a_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "weights"
    write_bytes(path, b"abc")
    assert read_bytes(path, digest(b"abc")) == b"abc"
    path.write_bytes(b"abd")
    with pytest.raises(StorageError, match="is damaged"):
        read_bytes(path, digest(b"abc"))


def test_damaged_json_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"a\.json` is damaged"):
        parse_json(b'{"cut": ', where=tmp_path / "a.json")
    with pytest.raises(StorageError, match=r"b\.json` cannot be read"):
        read_file(tmp_path / "b.json")


def test_a_folder_has_one_owner_and_the_dead_own_nothing(tmp_path):
    folder = tmp_path / "run"
    code = f"from budgetnas.storage.files import own; from pathlib import Path\nwith own(Path({str(folder)!r})):\n    "
    with own(folder):
        other = subprocess.run([sys.executable, "-c", code + "pass"], capture_output=True, text=True, check=False)
        assert "is in use by process" in other.stderr
    assert not folder.exists()
    dead = subprocess.run([sys.executable, "-c", code + "import os; os._exit(9)"], check=False)
    assert dead.returncode == 9
    assert folder.exists()
    with own(folder):
        (folder / "study.db").touch()
    assert (folder / "study.db").exists()


def test_what_a_killed_writer_left_half_written_is_removed_by_the_next_owner(tmp_path):
    half, ours = tmp_path / "run" / "states" / f".1.pt.x7k2{HALF}", tmp_path / "run" / ".kept"
    half.parent.mkdir(parents=True)
    half.touch()
    ours.touch()
    with own(tmp_path / "run"):
        assert not half.exists()
    assert ours.exists()


def test_the_owner_leaves_no_empty_folder_and_touches_no_other(tmp_path):
    with own(tmp_path):
        (tmp_path / "states").mkdir()
        (tmp_path / "full" / "0").mkdir(parents=True)
    assert not (tmp_path / "states").exists()
    assert (tmp_path / "full" / "0").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot be written \(Not a directory\)"), own(tmp_path / "file" / "run"):
        pass


def test_a_holder_is_named_and_not_disturbed(tmp_path):
    folder = tmp_path / "run"
    assert holder(folder) is None
    with own(folder):
        (folder / "study.db").touch()
        before = (folder / ".lock").read_bytes()
        assert holder(folder) == f"{os.getpid()} on {os.uname().nodename}"
        assert (folder / ".lock").read_bytes() == before
        with pytest.raises(StorageError, match="is in use by process"), own(folder):
            pass
    assert holder(folder) is None
    with own(folder):
        assert holder(folder) is not None
