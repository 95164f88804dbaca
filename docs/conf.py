"""Sphinx's configuration of the documentation site; `python3 x.py docs` builds it."""

project = "safemap"
author = copyright = "The safemap authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "safemap"
exclude_patterns = ["releasing.md"]
# Docstrings have single backquotes for code.
default_role = "literal"
# Links to headings, as on GitHub.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
html_show_sourcelink = False
html_css_files = ["site.css"]
html_static_path = ["static"]
python_maximum_signature_line_length = 80
# Fences with `…` or a prompt are no complete programs.
suppress_warnings = ["misc.highlighting_failure"]
# The addresses of the project are not decided, and docs.rs has no page yet.
linkcheck_ignore = [r"https://[\w.]+\.invalid/.*", r"https://docs\.rs/safemap.*"]
