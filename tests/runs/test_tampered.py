"""A study.db that was tampered with: no path in it leads out of the run's folder, to be read or to be written."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta

from budgetnas.exceptions import BudgetNASError, StorageError
from budgetnas.runs.certify import certified
from budgetnas.runs.files import publish, write_reports
from budgetnas.storage.files import digest, inside

OUT = ("../secret", "/etc/passwd", "full/../../secret", "link", "a\0b", "", ".", 5, None, ["x"], "\ud800")


@pytest.fixture
def made(make, tmp_path):
    found = make(full__repeats=1)
    found.trained([0.3, 0.4])
    found.promoted()
    found.tested()
    return found


@pytest.mark.parametrize("name", OUT[:4:3])
def test_weights_are_read_in_the_folder_of_the_run_only(made, tmp_path, name):
    secret = b"not yours"
    (tmp_path.parent / "secret").write_bytes(secret)
    (tmp_path / "link").symlink_to(tmp_path.parent / "secret")
    result = made.result()
    (run,) = result.finalists[0].runs
    tampered = replace(run, facts=replace(run.facts, weights=name, weights_sha256=digest(secret)))
    with pytest.raises(StorageError, match=r"lies outside it|is no file|cannot be read"):
        certified(result, replace(result.finalists[0], runs=(tampered,)))


@pytest.mark.parametrize("name", OUT)
def test_a_place_outside_is_refused_by_name_and_by_link(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="lies outside it"):
        inside(tmp_path / "run", name)


def test_a_place_inside_may_be_reached_by_a_link_to_the_folder_itself(tmp_path):
    (tmp_path / "run" / "full").mkdir(parents=True)
    (tmp_path / "alias").symlink_to("run")
    assert inside(tmp_path / "alias", "full/0.safetensors") == tmp_path / "alias" / "full" / "0.safetensors"


def test_files_are_shown_in_the_folder_of_artifacts_only(made, tmp_path):
    result = made.result()
    write_reports(result)
    publish(made.storage, result)
    study = optuna.load_study(study_name=made.ladder.first.name, storage=made.storage)
    attrs = made.storage.get_study_system_attrs(study._study_id)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for key, value in attrs.items():
        for meta in get_all_artifact_meta(study):
            if isinstance(value, str) and meta.artifact_id in value:
                text = value.replace(meta.artifact_id, "../victim")
                made.storage.set_study_system_attr(study._study_id, key, text)
    with pytest.raises(BudgetNASError, match="lies outside it"):
        publish(made.storage, made.result())
    assert victim.read_text() == "mine"
