"""
A notebook for Colab
====================

A search on Colab's GPU, with the run on your Drive: after a disconnect the same command resumes it. As it stands the
notebook is a rehearsal on 8x8 digits, which takes about a minute. Run it once from top to bottom, then set ``REHEARSAL
= False``.

``examples/colab.ipynb`` is made from this page. Every build of these pages runs it outside Colab, where the run lies in
a temporary folder. On Colab itself nobody has run it yet.
"""

# %%
# **Install.** The project has no public address. Give pip what you have: a wheel that you uploaded, by its file name,
# or the git address of a copy, ``git+https://...``. Leave it empty where budgetnas is installed.

import html
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PACKAGE = ""

if PACKAGE:
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", PACKAGE], check=True)
assert importlib.util.find_spec("budgetnas"), "fill in PACKAGE above"

# %%
# **Look for a GPU.** Without one, choose a GPU under Runtime, Change runtime type, and start again from the top.

os.environ.pop("FORCE_COLOR", None)  # notebooks set it, and plain lines are easier to read here


def command(*words: str) -> None:
    """Run a command of budgetnas and print what it prints."""
    line = [sys.executable, "-m", "budgetnas", *words]
    print(subprocess.run(line, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout)


command("doctor")

# %%
# **Where the run lies.** On Colab, in a folder of your Drive. Drive is a network drive, so let one notebook at a time
# write there.

try:
    from google.colab import drive
except ImportError:
    RUNS = Path(tempfile.mkdtemp())
else:
    drive.mount("/content/drive")
    RUNS = Path("/content/drive/MyDrive/budgetnas")
    RUNS.mkdir(exist_ok=True)

# %%
# **What to search.** The rehearsal is a smoke test: its ranking says nothing about CIFAR-10. Of the real search this
# cell prints the plan, whose ``time`` line is measured on this machine.

REHEARSAL = True

if REHEARSAL:
    NAME = "rehearsal"
    WORDS = shlex.split(
        "--max-params 60k --dataset digits --trials 4 --promote 1 --full-epochs 2 --workers 1 "
        "--set proxy.rungs=[1] --set search.paper_models=false"
    )
else:
    NAME = "course"
    WORDS = shlex.split("--max-params 5e6 --dataset cifar10 --trials 100 --max-hours 5")
    command("search", *WORDS, "--dry-run")

# %%
# **Search in the background.** The same cell starts a search and resumes one that was stopped.

LOG = RUNS / f"{NAME}.log"


def search() -> subprocess.Popen:
    """Start or resume the search. It continues when a cell is interrupted."""
    line = [sys.executable, "-m", "budgetnas", "search", *WORDS, "--name", NAME, "--out", str(RUNS)]
    with LOG.open("a") as log:
        return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


running = search()

# %%
# **After a disconnect** run the notebook again from the top: the search resumes. The run is still leased to the lost
# machine, so the command is refused until that has been silent for ten minutes. The rehearsal stops its search early
# and resumes it.

if REHEARSAL:
    while running.poll() is None and not (RUNS / NAME / "study.toml").exists():
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    running.wait()
    running = search()

# %%
# **How far it is.** This cell prints what the search prints, until it ends. It may be interrupted and run again.

with LOG.open() as log:
    while running.poll() is None:
        print(log.read(), end="")
        time.sleep(1)
    print(log.read())
assert running.returncode == 0, "the last lines say why; run the cell that searches to resume"

# %%
# **The result**, and the report in the notebook.

import budgetnas


class Page:
    """A page that the notebook shows in a frame of its own."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.text)}" width="100%" height="900"></iframe>'


print(budgetnas.load_run(RUNS / NAME))
Page(RUNS / NAME / "report.html")

# %%
# **Hand in.** The certificate is checked and packed; the archive lies beside the run.

command("verify", str(RUNS / NAME / "best"))
print(shutil.make_archive(str(RUNS / f"{NAME}-certificate"), "zip", RUNS / NAME / "best"))
