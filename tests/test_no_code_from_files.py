"""No reader of the package can run what a file holds: nothing that unpickles or evaluates is called in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import budgetnas

PACKAGE = Path(budgetnas.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "code"}
CALLS = {"eval", "exec", "__import__", "os.system", "os.popen", "torch.hub.load", "torch.jit.load", "read_pickle",
         "torch.package.PackageImporter", "runpy.run_path"}  # fmt: skip
PLAIN = ("allow_pickle", False)
NEEDED = {"np.load": PLAIN, "numpy.load": PLAIN, "torch.load": ("weights_only", True)}
FORBIDDEN = {"allow_pickle": True, "weights_only": False, "shell": True}
OURS = {
    ("certificates/ledger.py", "exec"),  # text that was made there of checked numbers; no file is read
    ("__init__.py", "import_module"),  # a public name
    ("cli/main.py", "import_module"),  # a command
    ("config/space_code.py", "import_module"),  # what a person typed
    ("trackers/known.py", "import_module"),  # a tracker by its name, one of three
}


def name_of(node: ast.AST) -> str:
    """Write a called name with its dots; "" for what is none."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(source: str) -> set[str]:
    """Name whatever in a module can run code from a file."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} if (node.module or "").partition(".")[0] in MODULES else set()
        elif isinstance(node, ast.Call):
            found |= set(_faults_of_call(node))
        elif isinstance(node, ast.Constant) and node.value == "cmaes":
            found.add("Optuna's CMA-ES, which unpickles its state from the storage")
    return found


def _faults_of_call(call):
    name, words = name_of(call.func), {word.arg: word.value for word in call.keywords}
    values = {key: value.value for key, value in words.items() if isinstance(value, ast.Constant)}
    if name in CALLS or name.rpartition(".")[2] in (
        "read_pickle",
        "Unpickler",
        "CmaEsSampler",
        "import_module",
        "exec_module",
    ):
        yield name
    if name in NEEDED and values.get(NEEDED[name][0]) is not NEEDED[name][1]:
        yield f"{name} without {NEEDED[name][0]}={NEEDED[name][1]}"
    yield from (f"{key}={FORBIDDEN[key]}" for key in FORBIDDEN if values.get(key) is FORBIDDEN[key])


@pytest.mark.parametrize("path", SOURCES)
def test_nothing_that_can_run_a_file_is_called(path):
    assert {(path, fault) for fault in faults(SOURCES[path])} <= OURS


def test_only_the_command_line_calls_what_imports_the_code_of_a_person():
    assert {path for path, source in SOURCES.items() if "load_kind" in source} == {
        "cli/options.py",
        "config/space_code.py",
    }


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch.x, marshal",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "frame = pd.read_pickle(path)",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "optuna.samplers.CmaEsSampler()",
        "def f():\n    import yaml",
        "importlib.import_module(name)",
        "loader.exec_module(module)",
    ],
)
def test_each_of_them_would_be_found(source):
    assert faults(source)


@pytest.mark.parametrize(
    "source", ["model.eval()", "np.load(p, allow_pickle=False)", "torch.load(p, weights_only=True)"]
)
def test_what_is_sound_is_let_be(source):
    assert not faults(source)
