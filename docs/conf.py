"""The pages: Markdown in flow order, examples that are run, references that are read from the code."""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "extensions")]

from budgetnas import __version__  # noqa: E402

# Examples are run where they may leave their runs, beside what is built.
SCRIPTS = ROOT / "build" / "examples"
shutil.rmtree(SCRIPTS, ignore_errors=True)
shutil.copytree(ROOT / "examples", SCRIPTS, ignore=shutil.ignore_patterns("runs", "__pycache__"))

project = "budgetnas"
release = version = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.doctest",
    "sphinx_gallery.gen_gallery",
    "filled_pages",
]
exclude_patterns = ["extensions"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold no plain values

highlight_language = "text"
default_role = "code"  # docstrings are read as Markdown is written

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__init__, __new__, __post_init__"}
python_maximum_signature_line_length = 88
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True  # attributes of a dataclass are described once

# What an example in a docstring may use without importing it.
doctest_global_setup = """
import optuna
from budgetnas import *
"""

sphinx_gallery_conf = {
    "examples_dirs": [str(SCRIPTS)],
    "gallery_dirs": ["examples"],
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),  # what is printed is shown, and no more
    "min_reported_time": 10**6,
    "image_scrapers": (),
    "reset_modules": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "write_computation_times": False,
}

html_theme = "furo"
html_title = f"budgetnas {release}"
html_static_path = ["extensions/static"]
html_css_files = ["pages.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = html_show_sphinx = False
