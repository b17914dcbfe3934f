"""What messages below `cli` may say: they are read by people at a shell and by people who write Python."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

import budgetnas
from budgetnas.config.recipe import Recipe
from budgetnas.config.study import StudyConfig, flatten
from budgetnas.exceptions import BudgetNASError, InfeasibleBudgetError, UsageError
from budgetnas.samplers.budget_sampler import BudgetSampler
from budgetnas.space.resnet import ResNetSpace

HOME = Path(budgetnas.__file__).parent
EXEMPT = {
    "pipeline/describe.py": "whole commands for a person at a shell, and calls of git",
    "runs/first_screen.py": "a whole command for a person at a shell",
    "reports/drawing.py": "custom properties of CSS",
    "reports/parallel.py": "custom properties of CSS",
}
FOREIGN = re.compile(r"\b(docker run|pip install|ray start) --[a-z-]+")  # commands of other programs
KEY = re.compile(r"`([a-z_]+\.[a-z_]+)(?:`|=)")


def sources():
    paths = sorted(HOME.rglob("*.py"))
    return [path for path in paths if path.relative_to(HOME).parts[0] != "cli" and path.name != "__main__.py"]


def strings(path):
    """Every string of a module but its docstrings; an f-string in one piece, values left out."""
    tree = ast.parse(path.read_text())
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings are statements
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (inner | bare):
            yield node.value


def test_no_message_below_the_command_line_names_an_option():
    """No string below `cli` holds `--` before a letter or a value, whatever it is for.

    Many messages are put together far from where they are raised or warned of, so all strings count. Exempt are
    docstrings, the modules of `EXEMPT`, and the commands of other programs that `FOREIGN` knows. A message names a key
    (`exceptions` says how), and `cli.options.spell` puts the option in its place.
    """
    found = {
        f"{path.relative_to(HOME)}: {text}"
        for path in sources()
        if str(path.relative_to(HOME)) not in EXEMPT
        for text in strings(path)
        if re.search(r"--[a-z{]", FOREIGN.sub("", text))
    }
    assert not found


def test_every_exemption_is_needed():
    for name in EXEMPT:
        assert any(re.search(r"--[a-z{]", text) for text in strings(HOME / name)), name
    assert any(FOREIGN.search(text) for path in sources() for text in strings(path))


def test_every_key_that_a_message_names_is_one():
    known = {*flatten(StudyConfig()), *(f"recipe.{field.name}" for field in fields(Recipe))}
    sections = {key.partition(".")[0] for key in known if "." in key}
    named = {key for path in sources() for text in strings(path) for key in KEY.findall(text)}
    named = {key for key in named if key.partition(".")[0] in sections}
    assert len(named) > 20
    assert named <= known


def test_an_error_opens_with_its_argument_and_carries_it():
    error = UsageError("is 0, but must be from 1.", argument="search.trials")
    assert (str(error), error.argument) == ("`search.trials` is 0, but must be from 1.", "search.trials")
    assert (str(BudgetNASError("nothing fits")), BudgetNASError("nothing fits").argument) == ("nothing fits", None)


def test_what_is_wrong_with_a_sampler_is_said_in_words_of_python():
    space = ResNetSpace(stages=(1, 1), widths=(16, 32))
    with pytest.raises(InfeasibleBudgetError, match=r"^`max_params` is 100, but the smallest") as small:
        BudgetSampler(space, max_params=100)
    assert small.value.argument == "max_params"
    with pytest.raises(InfeasibleBudgetError, match=r"^`max_macs` is 5, but no architecture") as light:
        BudgetSampler(space, max_params=10**6, max_macs=5)
    assert light.value.argument == "max_macs"


def test_errors_that_cross_processes_stay_whole():
    import pickle

    error = pickle.loads(pickle.dumps(UsageError("is 0.", argument="seed")))
    assert (str(error), error.argument, error.exit_status) == ("`seed` is 0.", "seed", 2)
