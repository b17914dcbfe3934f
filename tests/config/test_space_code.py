"""What `--space-code` names: modules, classes, and the line that refuses what is none."""

from __future__ import annotations

import hashlib
import sys

import pytest
from own_blocks import EXAMPLE, nothing_given

from budgetnas.arch import kinds
from budgetnas.config.space_code import load_kind, with_kind
from budgetnas.config.study import StudyConfig
from budgetnas.exceptions import UsageError

TEXT = EXAMPLE.read_text()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module of the current folder; it is forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def write(text, name="ours.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    with nothing_given():
        yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_kind_is_loaded_from_the_current_folder_with_the_hash_of_its_source(write):
    path, before = write(TEXT), list(sys.path)
    assert load_kind("ours:Separable") == "separable"
    found = kinds.required("separable")
    assert (found.word, found.sha256) == ("ours:Separable", hashlib.sha256(path.read_bytes()).hexdigest())
    assert sys.path == before


def test_a_kind_is_loaded_from_a_package_on_the_path(write, tmp_path, monkeypatch):
    write(TEXT, "elsewhere/package/2nd.py")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert load_kind("package.2nd:Separable") == "separable"


@pytest.mark.parametrize(
    ("word", "text", "reason"),
    [
        ("ours", TEXT, "is ours, but must be MODULE:CLASS, like ghost:Ghost for the class Ghost in ghost.py."),
        ("ours.py:Separable", TEXT, "is ours.py:Separable, but ours.py is no module of the current folder or the "),
        ("../ours:Separable", TEXT, "is ../ours:Separable, but must be MODULE:CLASS"),
        ("ours:a.b", TEXT, "is ours:a.b, but must be MODULE:CLASS"),
        ("", TEXT, "is , but must be MODULE:CLASS"),
        ("theirs:Separable", TEXT, "is theirs:Separable, but theirs is no module of the current folder or the Python"),
        ("ours:separable", TEXT, "but ours has no class separable; it has Separable."),
        ("sys:Separable", TEXT, "is sys:Separable, but sys has no class Separable"),
        (
            "ours:Odd",
            "import nowhere",
            "is ours:Odd, whose code fails (ModuleNotFoundError: No module named 'nowhere')",
        ),
        ("ours:Odd", "raise SystemExit(3)", "is ours:Odd, whose code fails (SystemExit: 3): correct it there."),
        ("ours:Odd", "class Odd(", "is ours:Odd, whose code fails (SyntaxError: '(' was never closed"),
        ("ours:Odd", "class Odd:\n  def __init__(self, a): 0", "whose code fails (TypeError: Odd.__init__() missing"),
        ("ours:Odd", "class Odd: name = 'odd'", "is ours:Odd, but Odd has no method block: write it (docs/space.md)."),
        ("ours:Odd", "class Odd:\n  block = lambda self: 0", "but Odd has no method cost: write it"),
        (
            "ours:Odd",
            "class Odd:\n  block = cost = lambda self: 0",
            "whose `name` is None, but must be letters, digits",
        ),
        (
            "ours:Odd",
            "class Odd:\n  name = 'odd'\n  block = cost = lambda self: 0",
            "is ours:Odd, whose `cost` fails (TypeError: Odd.<lambda>() takes 1 positional argument but 2 were given)",
        ),
        (
            "ours:Odd",
            f"{TEXT}\nclass Odd(Separable):\n    def block(self, channels):\n        return []",
            "is ours:Odd, whose `block` fails for 8 to 8 channels, stride 1, kernel 3 (TypeError: Odd.block() got an ",
        ),
        (
            "ours:Odd",
            f"{TEXT}\nclass Odd(Separable):\n    def cost(self, stages):\n        return stages.blocks, stages.blocks",
            "is ours:Odd, whose `cost` gives 1 parameter and 1 MAC for 1 block of 8 channels behind 8 (kernel 3, ",
        ),
    ],
)
def test_what_is_no_kind_is_refused_in_one_line_with_the_rule(write, word, text, reason):
    write(text)
    with pytest.raises(UsageError) as refusal:
        load_kind(word)
    assert str(refusal.value).startswith("`space_code` is ")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert kinds.find("odd") is None


def test_the_space_of_a_study_has_the_kind_beside_its_own_ones():
    config = StudyConfig()
    assert with_kind(config, None) is config
    assert with_kind(config, "own").space.kinds == ("basic", "own")
    assert with_kind(with_kind(config, "own"), "own").space.kinds == ("basic", "own")
