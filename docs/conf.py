"""The site: Markdown pages, chapters that are scripts and run at every build, pages read from docstrings and tables."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
import xnorkit

project = "xnorkit"
author = "The xnorkit authors"
version = release = xnorkit.__version__
language = "en"

extensions = ["myst_nb", "mathml", "docstrings", "tables"]
exclude_patterns = ["_build", "_ext", "conf.py", "README.md", "results/*/*"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

# Chapters: percent-format Python with MyST Markdown in its comments. No cache: a cached answer knows nothing of a
# change in the library.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

suppress_warnings = ["ref.python"]  # types of annotations: some names are of other packages, or twice in ours

html_theme = "furo"
html_title = "xnorkit"
html_show_sourcelink = False
html_math_renderer = "mathml"
pygments_style = "friendly"
