"""The code of a kind of blocks of a person's own, which only the command line can name: never a file that is read."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from budgetnas.arch.kinds import make_kind, register
from budgetnas.config.study import StudyConfig
from budgetnas.exceptions import UsageError
from budgetnas.text import one_line

_WORD = re.compile(r"\w+(?:\.\w+)*:\w+")
_WIDTHS, _KERNELS = (8, 12, 16, 20, 24, 40, 64), (3, 5)  # for which a cost is compared with its layers


def load_kind(word: str) -> str:
    """Import the code of a kind, check it, and make the kind known to this process; return its name.

    Args:
        word: `module:Class`; the module is looked for in the current folder, then on the Python path.

    Raises:
        UsageError: there is no such module or class, its code fails, or its cost is not that of its layers.
    """
    module_name, _, class_name = word.partition(":")
    if _WORD.fullmatch(word) is None:
        raise _wrong(word, "but must be MODULE:CLASS, like ghost:Ghost for the class Ghost in ghost.py")
    module = _imported(word, module_name)
    code, source = getattr(module, class_name, None), getattr(module, "__file__", None)
    if not isinstance(code, type) or source is None:
        known = [
            name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == module_name
        ]
        raise _wrong(word, f"but {module_name} has no class {class_name}; it has {', '.join(known) or 'none'}")
    made = _called(word, code)
    for name in ("block", "cost"):
        if not callable(getattr(made, name, None)):
            raise _wrong(word, f"but {class_name} has no method {name}: write it (docs/space.md)")
    from budgetnas.arch.own_check import check_cost  # with NumPy

    kind = make_kind(made, word=word, sha256=hashlib.sha256(Path(source).read_bytes()).hexdigest())
    check_cost(kind, _WIDTHS, _KERNELS)
    register(kind)
    return kind.name


def with_kind(config: StudyConfig, name: str | None) -> StudyConfig:
    """Return a study whose space has a kind of blocks, too; None for the study as it is."""
    kinds = config.space.kinds
    if name is None or name in kinds:
        return config
    return replace(config, space=replace(config.space, kinds=(*kinds, name)))


def _imported(word: str, name: str) -> ModuleType:
    with _current_folder():
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _fails(word, error) from error
            raise _wrong(
                word,
                f"but {error.name} is no module of the current folder or the Python path: go to its folder",
            ) from error
        except (Exception, SystemExit) as error:  # a person's code can fail in any way
            raise _fails(word, error) from error


def _called(word: str, code: type) -> Any:
    try:
        return code()
    except (Exception, SystemExit) as error:  # a person's code can fail in any way
        raise _fails(word, error) from error


@contextmanager
def _current_folder() -> Iterator[None]:
    """Look for modules in the current folder first."""
    before = list(sys.path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before


def _fails(word: str, error: BaseException) -> UsageError:
    return _wrong(word, f"whose code fails ({type(error).__name__}: {one_line(error)}): correct it there")


def _wrong(word: str, rule: str) -> UsageError:
    return UsageError(f"is {word[:80]}, {rule}.", argument="space_code")
