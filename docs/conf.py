"""Settings of the documentation site: `make docs` builds it into .build/docs."""

from importlib.util import find_spec
from pathlib import Path

metadata = (Path(__file__).resolve().parent.parent / "metadata.txt").read_text("utf-8")

project = "Crop Transfer"
author = copyright = "Crop Transfer developers"
release = next(line.partition("=")[2] for line in metadata.splitlines() if line.startswith("version="))

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = []
html_show_sourcelink = False
html_copy_source = False
# The site needs no network, neither to be built nor to be read.
html_theme_options = {"top_of_page_buttons": []}

myst_heading_anchors = 4
# Types of parameters that are prose are no references.
suppress_warnings = ["ref.python"]

# The reference shows signatures, so the engine's libraries may be absent.
heavy = ("torch", "osgeo", "safetensors", "scipy", "sklearn", "matplotlib", "jinja2", "filelock", "pystac_client")
autodoc_mock_imports = [name for name in heavy if find_spec(name) is None]
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
