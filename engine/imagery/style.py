"""The QGIS style (``.qml``) of a classified map: one entry for each class that is on it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

STYLE = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
 <pipe>
  <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
   <rasterTransparency/>
   <colorPalette>
    {entries}
   </colorPalette>
  </rasterrenderer>
 </pipe>
</qgis>
"""


def write_qml(
    path: str | Path, classes: Sequence[str], colors: Sequence[tuple[int, int, int]], present: Sequence[bool]
) -> None:
    """Write a paletted style with the present classes, in the order of the model.

    Parameters
    ----------
    classes, colors : names and colours of the classes 1..k.
    present : for each class, whether any pixel of the map has it.
    """
    entries = [
        f'<paletteEntry value="{value}" color="#{red:02x}{green:02x}{blue:02x}" alpha="255" label="{escape(name)}"/>'
        for value, (name, (red, green, blue), shown) in enumerate(zip(classes, colors, present), 1)
        if shown
    ]
    Path(path).write_text(STYLE.format(entries="\n    ".join(entries)), encoding="utf-8")
