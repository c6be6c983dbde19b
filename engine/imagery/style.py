"""The QGIS style (``.qml``) of a classified map: one entry for each class that is on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def write_qml(
    path: str | Path, classes: Sequence[str], colors: Sequence[tuple[int, int, int]], present: Sequence[bool]
) -> None:
    """Write a paletted style with the present classes, in the order of the model.

    Parameters
    ----------
    classes, colors : names and colours of the classes 1..k.
    present : for each class, whether any pixel of the map has it.
    """
    root = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(root, "pipe")
    attributes = {"type": "paletted", "band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    renderer = ElementTree.SubElement(pipe, "rasterrenderer", attributes)
    ElementTree.SubElement(renderer, "rasterTransparency")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for value, (name, color, shown) in enumerate(zip(classes, colors, present), 1):
        if shown:
            code = "#{:02x}{:02x}{:02x}".format(*color)
            ElementTree.SubElement(palette, "paletteEntry", value=str(value), color=code, alpha="255", label=name)
    # Smoothing between class codes would invent classes.
    ElementTree.SubElement(pipe, "rasterresampler", zoomedInResampler="", maxOversampling="1")
    Path(path).write_text(DOCTYPE + ElementTree.tostring(root, encoding="unicode"), encoding="utf-8")
