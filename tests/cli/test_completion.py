"""The scripts of `--print-completion`: made by the command, and that of bash sourced and asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

from budgetnas.cli.completion import SHELLS
from budgetnas.cli.main import COMMANDS, main
from budgetnas.config.models import model_names
from budgetnas.config.sections import SearchConfig


def script(capsys, shell):
    with pytest.raises(SystemExit) as stopped:
        main(["--print-completion", shell])
    captured = capsys.readouterr()
    assert (stopped.value.code, captured.err) == (0, "")
    return captured.out


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_knows_commands_options_and_names(capsys, shell):
    text = script(capsys, shell)
    for word in (*COMMANDS, "max-params", "print-completion", "thompson", "modern200", "resnet20"):
        assert word in text


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_words(capsys, tmp_path):
    path = tmp_path / "completion.bash"
    path.write_text(script(capsys, "bash"))
    (tmp_path / "mine.npz").touch()
    (tmp_path / "runs").mkdir()

    def complete(*words):
        """Return what bash offers for the last of the words, once it has read the script."""
        code = (
            'source "$1"; shift\n'
            "function=$(complete -p budgetnas | sed -E 's/.* -F ([^ ]+) .*/\\1/')\n"
            'COMP_WORDS=(budgetnas "$@"); COMP_CWORD=$#; "$function" budgetnas "${@: -1}" ""\n'
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", code, "bash", str(path), *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stderr == ""
        return set(done.stdout.split())

    assert complete("se") == {"search"}
    assert complete("search", "--max-p") == {"--max-params"}
    assert complete("search", "--sampler", "") == set(get_args(get_type_hints(SearchConfig)["sampler"]))
    assert complete("search", "--dataset", "mi") == {"mine.npz"}
    assert complete("count", "resnet1") == {name for name in model_names() if name.startswith("resnet1")}
    assert complete("train", "--recipe", "mod") == {"modern200"}
    assert "runs" in complete("report", "ru")


def test_another_shell_is_refused_in_a_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--print-completion", "none"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert all(shell in error for shell in SHELLS)


def test_without_shtab_it_says_what_to_install():
    code = "import sys; sys.modules['shtab'] = None; from budgetnas.cli.main import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code, "--print-completion", "bash"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs shtab, which is not installed" in done.stderr
    assert done.stderr.count("\n") == 1
