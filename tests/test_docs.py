from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import budgetnas
from budgetnas.cli.main import COMMANDS, make_parser
from budgetnas.config.study import StudyConfig, flatten, load_study
from budgetnas.evidence.power import smallest_gain

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "extensions"))


def test_the_documented_study_file_holds_every_key_with_its_default(tmp_path):
    text = (ROOT / "docs" / "study.md").read_text()
    example = text.split("```toml\n")[1].split("```")[0]
    uncommented = "\n".join(
        line[2:] if line.startswith("# ") and "=" in line else line for line in example.splitlines()
    )
    written = {f"{section}.{key}" for section, keys in tomllib.loads(uncommented).items() for key in keys}
    assert written == set(flatten(StudyConfig())) - {"description"}
    path = tmp_path / "study.toml"
    path.write_text(example)
    defaults = flatten(StudyConfig()) | {"budget.max_params": "5M"}
    assert flatten(load_study(str(path), {}, [])) == defaults


def test_the_tables_of_the_docs_are_those_of_the_results():
    pages = [path.read_text() for path in (ROOT / "docs").glob("*.md")]
    block = re.compile(r"```text\n(.*?)\n```\n\n\(`(studies/results/\S+)`\)", re.DOTALL)
    shown = [match for page in pages for match in block.findall(page)]
    assert len(shown) >= 5
    for table, path in shown:
        assert table in (ROOT / path).read_text()


def test_the_front_page_is_short_and_has_the_regrets_of_the_results():
    page = (ROOT / "README.md").read_text()
    assert len(page.splitlines()) < 150
    assert f"pip install budgetnas-{budgetnas.__version__}-py3-none-any.whl" in page
    rows = re.findall(
        r"^\| (?:CIFAR-10 ResNets|NAS-Bench-201), (\S+) parameters \| (\S+ \+- \S+) \| (\S+ \+- \S+) \|$", page, re.M
    )
    assert [cap for cap, *_ in rows] == ["5M", "3M", "2M", "0.8M"]
    for cap, *regrets in rows:
        results = [path.read_text() for path in (ROOT / "studies" / "results").glob(f"regret_*_{cap}.txt")]
        for sampler, regret in zip(("plain Optuna", "thompson"), regrets, strict=True):
            lines = [line for text in results for line in text.splitlines() if re.match(rf"{sampler} +recomm", line)]
            assert any(re.findall(r"\d\.\d+ \+-0\.\d+", line)[4] == regret.replace("- ", "-") for line in lines)


def test_the_links_of_pages_that_are_read_without_a_build_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "studies" / "README.md"):
        for path, anchor in re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", page.read_text()):
            target = page.parent / path
            assert target.exists(), (page.name, path)
            titles = (
                [line.lstrip("# ").lower() for line in target.read_text().splitlines() if line.startswith("#")]
                if anchor
                else []
            )
            assert not anchor or anchor in [re.sub(r"[^\w-]", "", title.replace(" ", "-")) for title in titles], anchor


def test_the_front_page_has_the_numbers_of_the_study_that_its_picture_shows():
    page = " ".join((ROOT / "README.md").read_text().split())
    results = json.loads((ROOT / "studies" / "results" / "resnet20_budget" / "results.json").read_text())
    winner, second = results["finalists"][:2]
    hours = sum(cost["seconds"] for cost in results["costs"]) / 3600
    for number in (
        f"| {results['max_params']:,} parameters",
        f"{winner['score']:.2%} on validation, {winner['test_accuracy']:.2%} on the test set".replace("%", " %"),
        f"{second['score']:.2%} and {second['test_accuracy']:.2%}".replace("%", " %"),
        f"| {hours:.1f} on two CPU cores |",
        f"{results['trained']} short trainings",
    ):
        assert number in page


def test_the_front_page_has_the_row_of_the_study_on_few_images():
    script, folder = (ROOT / "studies" / "results" / name for name in ("readme_row.py", "animals"))
    row = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=True).stdout
    assert row in (ROOT / "README.md").read_text()
    results = json.loads((folder / "results.json").read_text())
    winner, *controls = results["controls"]
    (least,) = (one["gain_on_images"] for one in controls if "random" in one["name"])
    (scaled,) = (one for one in controls if "scaled" in one["name"])
    for page in ("README.md", "docs/evidence.md"):
        text = " ".join((ROOT / page).read_text().split())
        assert f"[{least['low']:+.2f}, {least['high']:+.2f}]" in text
        assert f"needs {scaled['macs'] / winner['macs']:.0%} of the".replace("%", " %") in text


def test_the_gains_that_can_be_shown_are_those_of_the_plan():
    page = (ROOT / "docs" / "will_it_pay.md").read_text()
    rows = re.findall(r"^\| (?:looks at )?([\d, ]+) \| (\.\d\d) \| (\.\d\d) \| (\.\d\d) \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for looks, *shown in rows:
        seeds = [int(number) for number in looks.split(",")]
        assert [f"{smallest_gain(sd, seeds):.2f}"[1:] for sd in (0.15, 0.23, 0.30)] == shown


def test_the_changelog_knows_this_version():
    assert f"## [{budgetnas.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert metadata.version("budgetnas") == budgetnas.__version__


def test_the_figure_of_the_flow_is_what_the_code_draws():
    from flow_figure import FIGURE, draw_flow

    assert FIGURE.read_text() == draw_flow(), "python docs/extensions/flow_figure.py regenerates it"


def test_the_reference_of_the_commands_has_every_option_that_their_help_has():
    from command_reference import command_reference

    sections = dict(section.split("\n", 1) for section in command_reference().split("## ")[1:])
    assert list(sections) == list(COMMANDS)
    for name, section in sections.items():
        told = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
        help_text = make_parser(name)._subparsers._group_actions[0].choices[name].format_help()
        assert set(re.findall(r"--[\w-]+", help_text)) | {"--help"} == set(re.findall(r"--[\w-]+", told)) | {"--help"}
        assert "%%" not in section


def test_the_table_of_the_reports_models_holds_what_was_measured():
    from reported_and_measured import MEASURED, NOT_YET, reported_and_measured

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in reported_and_measured().splitlines()[2:]]
    assert [row[0] for row in rows] == ["resnet18", *(f"model{i}" for i in range(1, 6))]
    for name, _, reported, counted, epochs, _, measured in rows:
        assert reported == counted
        known = [line.split(",") for line in MEASURED.read_text().splitlines() if line.startswith(f"{name},")]
        assert (measured == NOT_YET) == (not known)
        if known:
            done = max(int(cells[5]) for cells in known)
            assert float(measured.split()[0]) == round(max(100 * float(cells[9]) for cells in known), 2)
            assert (f"within the first {done} epoch" in measured) == (done < int(epochs))
