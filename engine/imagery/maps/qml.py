"""The QGIS styles (``.qml``) of a classified map and of parcels: one entry for each class that is present."""

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
PARCEL_STYLE = """<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
 <renderer-v2 type="categorizedSymbol" attr="{field}" symbollevels="0" enableorderby="0" forceraster="0">
  <categories>
   {categories}
  </categories>
  <symbols>
   {symbols}
  </symbols>
 </renderer-v2>
</qgis>
"""
SYMBOL = """<symbol type="fill" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" enabled="1" locked="0" pass="0">
     <Option type="Map">
      <Option name="color" type="QString" value="{color}"/>
      <Option name="style" type="QString" value="{style}"/>
      <Option name="outline_color" type="QString" value="35,35,35,255"/>
      <Option name="outline_style" type="QString" value="solid"/>
      <Option name="outline_width" type="QString" value="0.1"/>
      <Option name="outline_width_unit" type="QString" value="MM"/>
     </Option>
    </layer>
   </symbol>"""


def write_qml(
    path: str | Path, classes: Sequence[str], colors: Sequence[tuple[int, int, int]], present: Sequence[bool]
) -> None:
    """Write a paletted style with the present classes, in the order of the model.

    Parameters
    ----------
    path : str or Path
    classes : sequence of str
        Names of the classes 1..k.
    colors : sequence of (int, int, int)
        Red, green and blue of each class.
    present : sequence of bool
        For each class, whether any pixel of the map has it.
    """
    entries = [
        f'<paletteEntry value="{value}" color="#{red:02x}{green:02x}{blue:02x}" alpha="255" label="{escape(name)}"/>'
        for value, (name, (red, green, blue), shown) in enumerate(zip(classes, colors, present), 1)
        if shown
    ]
    Path(path).write_text(STYLE.format(entries="\n    ".join(entries)), encoding="utf-8")


def write_parcel_qml(
    path: str | Path,
    field: str,
    classes: Sequence[str],
    colors: Sequence[tuple[int, int, int]],
    present: Sequence[bool],
    others: bool,
) -> None:
    """Write a style of parcels by their crop: the present classes in the order of the model, then those without one.

    Parameters
    ----------
    path : str or Path
    field : str
        Name of the field that holds the crop.
    classes : sequence of str
        Names of the classes.
    colors : sequence of (int, int, int)
        Red, green and blue of each class.
    present : sequence of bool
        For each class, whether any parcel has it.
    others : bool
        Whether there are parcels without a class.
    """
    shown = [(name, color) for name, color, here in zip(classes, colors, present) if here]
    symbols = [
        SYMBOL.format(number=number, color=f"{red},{green},{blue},255", style="solid")
        for number, (_, (red, green, blue)) in enumerate(shown)
    ]
    entries = [(name, name) for name, _ in shown]
    if others:
        # What no entry names, such as NULL, goes to the one with an empty value.
        symbols.append(SYMBOL.format(number=len(shown), color="0,0,0,0", style="no"))
        entries.append(("", "no class"))
    categories = [
        f'<category symbol="{number}" value="{escape(value)}" label="{escape(label)}" type="string" render="true"/>'
        for number, (value, label) in enumerate(entries)
    ]
    text = PARCEL_STYLE.format(field=escape(field), categories="\n   ".join(categories), symbols="\n   ".join(symbols))
    Path(path).write_text(text, encoding="utf-8")
