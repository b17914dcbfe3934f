"""What is recorded of a study and its drivers."""

from __future__ import annotations

import subprocess

from budgetnas.pipeline.describe import git_commit


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_the_commit_is_that_of_the_code_and_of_no_other_folder(tmp_path):
    assert git_commit(tmp_path) is None
    git(tmp_path, "init")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    git(tmp_path, "commit", "--allow-empty", "-m", "someone else's")
    assert git_commit(package) is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "ours")
    commit = git_commit(package)
    assert commit is not None
    assert len(commit) == 40
