"""Colours of crop classes: near the convention of crop maps where a crop is known, and always far from one another."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

PALETTE = Path(__file__).resolve().parents[3] / "resources" / "palette.json"
Color = tuple[int, int, int]

FEW = 14
"""Classes up to which a legend has room for colours that are far apart."""
FAR, NEAR = 18.0, 11.0
"""Minimum distance of two colours in CIELAB, in a legend of few classes and of many."""
FIRST = (70, 110, 190)
"""Colour of the first class when no name is known."""
RED_GREEN_BLIND = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
"""What a person without the medium-wave cones sees, in linear RGB (Viénot, Brettel and Mollon 1999)."""


def class_colors(names: Sequence[str]) -> list[Color]:
    """A colour for each class, all different; the same names always get the same colours.

    Known crops come near the convention of crop maps (corn yellow, soybean green, ...); a name of two crops
    gets the mean of both. Where two are too similar, and for unknown names, a colour far from all others is used,
    also as a person with red-green blindness sees it. Never black or white.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    list of (int, int, int)
        Red, green and blue, 0 to 255.
    """
    wanted = [conventional_color(name) for name in names]
    apart = FAR if len(names) <= FEW else NEAR
    colors: dict[int, Color] = {}
    # Known crops first, so that an unknown name never takes a crop's colour from it.
    for position in sorted(range(len(names)), key=lambda i: (wanted[i] is None, str(names[i]), i)):
        colors[position] = _free_color(wanted[position], list(colors.values()), apart)
    return [colors[position] for position in range(len(names))]


def conventional_color(name: str) -> Color | None:
    """The usual colour of a crop by the keywords in its class name; None for a name without any.

    Parameters
    ----------
    name : str
    """
    crops = _crops()
    text = " " + " ".join(re.findall(r"[^\W_]+", str(name).casefold())) + " "
    found = []
    for index, crop in enumerate(crops):
        for keyword in crop["words"]:
            match = re.search(rf"(?<= ){re.escape(keyword)}s?(?= )", text)
            if match:
                found.append((match.start(), -len(keyword), index, match.end()))
    named: list[int] = []
    end = 0
    # In the order of the text, of several keywords at one place the longest: "sweet corn" is not corn.
    for start, _, index, stop in sorted(found):
        if start >= end:
            end = stop
            named.append(index)
    named = list(dict.fromkeys(i for i in named if not crops[i]["vague"])) or named
    if not named:
        return None
    pair = np.array([crops[i]["color"] for i in named[:2]])
    red, green, blue = pair.mean(axis=0).round().astype(int).tolist()
    return red, green, blue


@lru_cache(maxsize=1)
def _crops() -> list[dict[str, Any]]:
    crops = json.loads(PALETTE.read_text(encoding="utf-8"))["crops"]
    return [{"color": _rgb(c["color"]), "words": c["words"], "vague": c.get("vague", False)} for c in crops]


def _free_color(own: Color | None, taken: Sequence[Color], apart: float) -> Color:
    """``own`` where it is free, else the free colour nearest to it, else the one farthest from all taken."""
    if own is not None and (not taken or _distances([own], taken)[0] >= apart):
        return own
    candidates = _candidates()
    if not taken:
        return FIRST
    distance = _distances(candidates, taken)
    if own is not None and (distance >= apart).any():
        near = np.linalg.norm(_lab(candidates) - _lab([own]), axis=1)
        return candidates[int(np.argmin(np.where(distance >= apart, near, np.inf)))]
    return candidates[int(np.argmax(distance))]


@lru_cache(maxsize=1)
def _candidates() -> list[Color]:
    """Colours that are neither nearly black nor nearly white nor without colour."""
    steps = range(10, 256, 20)
    colors = [(r, g, b) for r in steps for g in steps for b in steps]
    lab = _lab(colors)
    light, colorful = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    return [color for color, value, chroma in zip(colors, light, colorful) if 25 <= value <= 90 and chroma >= 12]


def _distances(colors: Sequence[Color], others: Sequence[Color]) -> np.ndarray:
    """(n,) distance of each colour from the nearest of the others, the lesser of full and red-green-blind sight."""
    full = np.linalg.norm(_lab(colors)[:, None] - _lab(others)[None], axis=2)
    blind = np.linalg.norm(_lab(colors, blind=True)[:, None] - _lab(others, blind=True)[None], axis=2)
    # Blind sight counts half: two dimensions cannot hold sixty colours far apart.
    return np.minimum(full, 2 * blind + 4).min(axis=1)


def _lab(colors: Sequence[Color], blind: bool = False) -> np.ndarray:
    """(n, 3) CIELAB (D65) of sRGB colours."""
    rgb = np.asarray(colors, np.float64) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if blind:
        linear = np.clip(linear @ RED_GREEN_BLIND.T, 0, 1)
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _rgb(code: str) -> Color:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
