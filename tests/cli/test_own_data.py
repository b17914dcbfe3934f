"""What a plan says of a person's own images, and that a split made by a share is recorded and resumed."""

from __future__ import annotations

import json
import shutil

SMALL = ("--max-params", "20k", "--device", "cpu", "--workers", "1", "--dry-run")


def test_the_plan_says_what_was_read_and_what_is_doubtful(make_folder, tmp_path, budgetnas):
    root = make_folder(modes=("L", "RGB"))
    (root / "notes\n.txt").touch()
    shutil.copy(root / "train/b/0.png", root / "test/a/9.png")
    words = ("search", "--dataset", root, "--out", tmp_path / "runs", *SMALL)
    done = budgetnas(*words)
    assert done.returncode == 0, done.stderr
    read = "25 images of 26 files; left out: notes\\n.txt; 12 images converted from mode L to colour"
    doubt = "1 of 13 test images are also training or validation images, pixel for pixel"
    assert f"read         {read}" in done.stdout.splitlines()
    assert f"NOTE: {doubt}" in done.stdout
    plan = json.loads(budgetnas(*words, "--json").stdout)
    assert plan["lines"]["read"] == read
    assert plan["doubts"][0].startswith(doubt)


def test_a_plan_of_a_folder_of_classes_records_its_share(make_folder, tmp_path, budgetnas):
    root = make_folder(parts=("",))
    done = budgetnas("calibrate", "--dataset", root, "--test-share", "0.5", "--out", tmp_path, *SMALL, "--json")
    plan = json.loads(done.stdout)
    assert plan["study"]["data.test_share"] == 0.5
    assert "4 training, 2 validation, 6 test images" in plan["lines"]["data"]
