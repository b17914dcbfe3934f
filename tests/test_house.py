"""The numbers of a package's structure, on a small package whose numbers are known."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "scripts" / "house"
MADE = {
    "__init__.py": "from made.top.run import f\n",
    "__main__.py": "import made.top.run\n",
    "words.py": '"""Of blocks and widths."""\n',
    "top/__init__.py": "",
    "top/run.py": "import made.words\nfrom made.middle import plan\n\n\ndef f():\n    from made.low.spec import Spec\n",
    "middle/__init__.py": "",
    "middle/plan.py": "from made.low import spec\n# its blocks\nspec.Spec(widths=1)\n",
    "middle/more.py": "blocks = 'the blocks of a stage'\n",
    "low/__init__.py": "",
    "low/spec.py": "class Spec:\n    def size(self):\n        return self.blocks\n\n\n\n\n\n",
    "low/keys.py": "KEYS = ('space.blocks', '--widths')\n",
}


def house(*words):
    done = subprocess.run([sys.executable, str(HOUSE), *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.fixture
def made(tmp_path):
    for name, text in MADE.items():
        path = tmp_path / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_package_has_its_numbers(made):
    status, lines, _ = house(made, "--files")
    assert status == 0
    assert dict(re.split(r"  +", line) for line in lines[:10]) == {
        "folders": "3",
        "modules": "7",
        "lines": "21",
        "lines of a module, median": "1",
        "lines of a module, p90": "8",
        "lines of a module, most": "8 (low/spec.py)",
        "arrows between rooms": "4",
        "longest chain of rooms": "3: top > middle > low",
        "modules with one importer": "2",
        "files that a dimension touches": "3",
    }
    assert lines[10:] == ["low/keys.py", "low/spec.py", "middle/plan.py"]


def test_rooms_that_import_one_another_are_named(made):
    (made / "made" / "low" / "spec.py").write_text("from made.top import run\n")
    _, lines, _ = house(made)
    (chain,) = (line for line in lines if line.startswith("longest chain"))
    assert re.search(r"none, since there is a circle: (\w+) > \w+( > \w+)? > \1$", chain)


def test_a_folder_without_a_package_is_refused_in_a_line(tmp_path):
    status, lines, error = house(tmp_path)
    assert (status, lines) == (2, [])
    assert error.splitlines()[-1].endswith("but must hold one package: give a checkout.")


def test_this_package_has_no_circle_and_is_counted_without_a_root():
    status, lines, _ = house()
    assert status == 0
    found = dict(re.split(r"  +", line, maxsplit=1) for line in lines)
    folders = [path for path in (ROOT / "budgetnas").glob("*/") if (path / "__init__.py").exists()]
    assert found["folders"] == str(len(folders))
    assert re.match(r"\d+: .* > pipeline > ", found["longest chain of rooms"])


def test_a_new_dimension_touches_the_files_of_its_recipe_and_few_others():
    _, lines, _ = house(ROOT, "--files")
    recipe = {"arch/spec.py", "arch/ids.py", "arch/resnet.py", "arch/pools.py"}
    recipe |= {f"space/{name}.py" for name in ("columns", "keys", "parameters", "tables", "widths")}
    touched = set(lines[10:])
    assert recipe <= touched
    others = [name for name in touched if not name.startswith(("arch/", "space/"))]
    assert len(others) <= 4, "beside the spec, how it lowers, its twin in arrays, and the space"
