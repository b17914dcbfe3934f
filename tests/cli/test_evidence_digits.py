"""The real command with rungs, random promotions, repeats and controls; its result read again; a calibration."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import optuna
import pandas as pd
import pytest
from PIL import Image

from budgetnas.runs.listing import read_run

WORDS = (
    "search", "--max-params", "60k", "--trials", 9, "--promote", 2, "--full-epochs", 2, "--device", "cpu",
    "--dataset", "digits", "--subset", 40, "--no-paper-models", "--rungs", "1,2", "--repeats", 2, "--controls",
    "--set", "evidence.control_promotions=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    return folder / "runs" / "digits-60k-s0", budgetnas(*WORDS, cwd=folder)


def test_the_terminal_tells_costs_before_and_after_fidelity_controls_and_the_verdict(finished):
    _, done = finished
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "9 short trainings of 1 epoch, the best third again from scratch for 2, thompson" in done.stdout
    titles = ("What it will cost (estimate)", "What it cost", "Do short trainings rank as full ones do?",
              "The winner beside controls")  # fmt: skip
    places = [next(i for i, line in enumerate(lines) if line.strip() == title) for title in titles]
    assert places == sorted(places)
    assert "Too few pairs to judge" in done.stdout
    finals = lines[next(i for i, line in enumerate(lines) if line.strip() == "Full trainings") : places[1]]
    assert "seeds" in finals[1].split()
    assert sum(" at random " in line for line in finals) == 2
    (verdict,) = (line for line in lines if line.startswith("verdict "))
    assert " over " in verdict or " against " in verdict
    looked = next(line for line in lines if line.startswith("test set "))
    assert "always after a choice by validation" in looked


def test_every_training_and_its_lineage_stand_in_the_storage_and_the_tables(finished):
    run, _ = finished
    trainings = pd.read_csv(run / "trainings.csv")
    assert set(trainings.level) == {"r1", "r2", "full", "controls"}
    assert (trainings.state == "COMPLETE").all()
    url = f"sqlite:///{run / 'study.db'}"
    studies = {s.study_name: s for s in optuna.get_all_study_summaries(url)}
    assert set(studies) == {f"digits-60k-s0/{level}" for level in ("r1", "r2", "full", "controls")}
    first = optuna.load_study(study_name="digits-60k-s0/r1", storage=url).trials
    second = optuna.load_study(study_name="digits-60k-s0/r2", storage=url).trials
    for trial in optuna.load_study(study_name="digits-60k-s0/full", storage=url).trials:
        below, above = trial.user_attrs["lineage"]
        assert below == f"r1/{trial.user_attrs['parent']}"
        specs = {first[trial.user_attrs["parent"]].user_attrs["spec"], trial.user_attrs["spec"]}
        specs.add(second[int(above.removeprefix("r2/"))].user_attrs["spec"])
        assert len(specs) == 1
    table = pd.read_csv(run / "trials.csv")
    assert table.full_score.notna().sum() == trainings[trainings.level == "full"].spec.nunique()
    assert table.r2_score.notna().sum() == (trainings.level == "r2").sum() >= 3
    assert table.full_random.sum() == 2


def test_the_winner_and_the_controls_have_seeds_of_their_own_and_every_look_is_counted(finished):
    run, _ = finished
    trainings = pd.read_csv(run / "trainings.csv").set_index("level")
    assert trainings.seed.is_unique
    content = json.loads((run / "results.json").read_text())
    compared = content["controls"]
    assert compared[0]["name"] == "the winner"
    assert compared[0]["spec"] == content["winner"]["spec"]
    assert all(len(one["tests"]) == 2 for one in compared)
    manifest = json.loads((run / "manifest.json").read_text())
    weights = trainings.loc[["full", "controls"]]
    assert manifest["test_looks"]["count"] == len(weights) == content["test_looks"]
    assert {key.partition(":")[2] for key in manifest["test_looks"]["looks"]} == set(weights.weights_sha256)


def test_every_figure_of_the_page_is_written_as_svg_and_png_without_a_browser(finished, budgetnas, tmp_path):
    run, _ = finished
    done = budgetnas("report", run, "--figures", tmp_path / "figures", "--json")
    assert done.returncode == 0, done.stderr
    paths = [Path(path) for path in json.loads(done.stdout)["figures"]]
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
    page = (run / "report.html").read_text()
    names = [path.stem for path in paths[::2]]
    assert {"params", "macs", "curves", "progress", "scores", "parallel", "winner", "controls"} <= set(names)
    assert all(f'id="{name}"' in page for name in names)
    for svg, png in zip(paths[::2], paths[1::2], strict=True):
        root = ElementTree.parse(svg).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in svg.read_text()
        with Image.open(png) as image:
            assert image.format == "PNG"
            assert image.size[0] >= 600
            assert image.size[1] >= 150
            assert len(image.convert("L").getcolors(256)) > 16  # something is drawn
    again = budgetnas("report", run, "--figures", tmp_path / "again")
    assert again.stdout.splitlines()[-1] == f"figures    {len(paths)} files in {tmp_path / 'again'}"
    for path in paths:
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_folder_for_figures_that_cannot_be_written_and_a_missing_package_are_one_line(
    finished, budgetnas, tmp_path, monkeypatch
):
    run, _ = finished
    (tmp_path / "file").write_text("")
    done = budgetnas("report", run, "--figures", tmp_path / "file" / "figures")
    assert done.returncode == 2
    assert "which cannot be written (Not a directory): name another folder." in done.stderr
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = budgetnas("report", run, "--figures", tmp_path / "figures")
    assert done.returncode == 2
    assert done.stderr.endswith("matplotlib, which is not installed: pip install 'budgetnas[figures]'.\n")
    assert not (tmp_path / "figures").exists()


def test_the_result_can_be_read_again_under_other_caps_and_its_report_made_again(finished, budgetnas):
    run, _ = finished
    best = json.loads(budgetnas("best", run, "--max-params", "30k,60k", "--json").stdout)
    assert [one["max_params"] for one in best] == [30_000, 60_000]
    assert best[1]["spec"] == json.loads((run / "results.json").read_text())["winner"]["spec"]
    assert best[0]["spec"] is None or best[0]["params"] <= 30_000
    assert "too few to trust" in best[0]["remark"] or "no trained network fits" in best[0]["remark"]
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix in (".html", ".csv", ".json")}
    for name in before:
        (run / name).unlink()
    done = budgetnas("report", run)
    assert done.returncode == 0, done.stderr
    assert {name: (run / name).read_bytes() for name in before} == before
    over = budgetnas("best", run, "--max-params", "1M")
    assert over.returncode == 2
    assert "searched up to 60,000 parameters" in over.stderr


def test_later_looks_give_more_seeds_to_whoever_is_not_told_apart_and_stopped_they_go_on(finished, budgetnas, tmp_path):
    before, _ = finished
    run = tmp_path / "runs" / before.name
    shutil.copytree(before, run)
    words = (*WORDS, "--set", "evidence.looks=[2, 3]")
    stopped = budgetnas(*words, "--max-hours", 0.0001, cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert "the 0.0001 hours of --max-hours were over" in stopped.stdout
    assert "95 % in all, over up to 2 looks" in stopped.stdout
    ended = budgetnas(*words, "--set", "engine.max_hours=9", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    again = budgetnas(*words, "--set", "engine.max_hours=9", cwd=tmp_path)
    assert "This search was already finished" in again.stdout
    winner, *rivals = json.loads((run / "results.json").read_text())["controls"]
    assert len(winner["tests"]) == max(len(rival["tests"]) for rival in rivals)
    for rival in rivals:
        assert rival["looks"] == len(rival["tests"]) - 1
        assert len(rival["tests"]) == 3 or "shown" in rival["verdict"]
        assert (
            rival["gain_on_images"]["high"] - rival["gain_on_images"]["low"]
            > rival["gain"]["high"] - rival["gain"]["low"]
        )
    looks = json.loads((run / "manifest.json").read_text())["test_looks"]["looks"]
    assert set(next(iter(looks.values()))) == {"correct", "images"}
    refused = budgetnas(*WORDS, "--set", "evidence.looks=[2, 4]", cwd=tmp_path)
    assert refused.returncode == 1
    assert "has started to compare its winner by [2, 3]" in refused.stderr


def test_a_calibration_judges_lengths_beside_params_and_macs_and_goes_on_with_more(budgetnas, tmp_path):
    words = ("calibrate", "--max-params", "60k", "--full-epochs", 2, "--device", "cpu", "--dataset", "digits",
             "--subset", 40, "--workers", 1)  # fmt: skip
    few = budgetnas(*words, "--networks", 3, "--lengths", "1", cwd=tmp_path)
    assert few.returncode == 0, few.stderr
    assert "Too few pairs to judge" in few.stdout
    run = tmp_path / "runs" / "digits-60k-s0-calibration"
    before = pd.read_csv(run / "calibration.csv")
    more = budgetnas(*words, "--networks", 11, "--lengths", "2,1", "--json", cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    content = json.loads(more.stdout)
    assert content["networks"] == 11
    assert [one["name"] for one in content["proxies"]] == ["1 epoch", "2 epochs", "params alone", "MACs alone"]
    assert all(one["tau"]["low"] is not None for one in content["proxies"])
    after = pd.read_csv(run / "calibration.csv")
    pd.testing.assert_frame_equal(after[list(before.columns)].head(3), before)
    page = (run / "calibration.html").read_bytes()
    (run / "calibration.html").unlink()
    done = budgetnas("report", run)
    assert done.returncode == 0, done.stderr
    assert (run / "calibration.html").read_bytes() == page
    assert "holds a calibration, not a search" in budgetnas("best", run).stderr
    listed = read_run(run)
    assert (listed.kind, listed.state, listed.done, listed.asked) == ("calibration", "finished", 11, 11)


def test_tiers_share_one_search_and_each_has_its_best(budgetnas, tmp_path):
    done = budgetnas(
        "search", "--trials", 6, "--promote", 1, "--full-epochs", 1, "--device", "cpu", "--dataset", "digits",
        "--subset", 40, "--no-paper-models", "--workers", 1, "--set", "proxy.rungs=[1]",
        "--set", 'budget.tiers=["60k", "30k"]',
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "shared by 2 caps" in done.stdout
    assert "The best under each cap" in done.stdout
    run = tmp_path / "runs" / "digits-60k-s0"
    content = json.loads((run / "results.json").read_text())
    assert [tier["max_params"] for tier in content["tiers"]] == [30_000, 60_000]
    assert all(tier["full_score"] is not None and tier["params"] <= tier["max_params"] for tier in content["tiers"])
    trials = pd.read_csv(run / "trials.csv")
    assert (trials.params <= 30_000).sum() >= 3
    assert set(json.loads((run / "manifest.json").read_text())["choices"][0]["tiers"]) == {"30000", "60000"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("calibrate", "--max-params", "60k", "--networks", "1"),
            "`--networks` is 1, but must be a whole number from 2",
        ),
        (("calibrate", "--max-params", "60k", "--lengths", "x"), "`--lengths` is 'x', but must be whole numbers"),
        (
            ("calibrate", "--max-params", "60k", "--lengths", "0,2"),
            "`--lengths` is 0,2, but must be different numbers of epochs",
        ),
        (("search", "--max-params", "60k", "--set", "proxy.rungs=[3, 3]"), "must be epochs that rise"),
        (("search", "--max-params", "60k", "--set", "proxy.epochs=3"), "`proxy.epochs` is no key of proxy"),
        (("search", "--set", 'budget.tiers=["1M", "1M"]'), "must hold different caps"),
        (("search", "--max-params", "5M", "--set", 'budget.tiers=["1M", "2M"]'), "go up to 2,000,000"),
        (("search", "--set", "budget.tiers=[0]"), "`budget.tiers` is '0'"),
        (("search", "--max-params", "60k", "--set", "evidence.control_promotions=-1"), "must be from 0"),
        (("search", "--max-params", "60k", "--set", "evidence.controls=3"), "must be true or false"),
        (("best", "nowhere"), "study.db` does not exist: give the folder of a run"),
        (("report", "nowhere"), "study.db` does not exist: give the folder of a run"),
    ],
)
def test_what_is_wrong_is_one_line(capsys, tmp_path, monkeypatch, words, said):
    from budgetnas.cli.main import main

    monkeypatch.chdir(tmp_path)
    assert main(list(words)) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
