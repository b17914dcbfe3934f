from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import budgetnas
from budgetnas.config.study import StudyConfig, flatten, load_study

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_run(path, tmp_path):
    done = subprocess.run([sys.executable, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


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


def test_the_changelog_knows_this_version():
    assert f"## [{budgetnas.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert metadata.version("budgetnas") == budgetnas.__version__
