"""Colours of crop classes: near the convention of crop maps where a crop is known, and always far from one another."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

PALETTE = Path(__file__).resolve().parents[2] / "resources" / "palette.json"
Color = tuple[int, int, int]

LEAST_DISTANCE = 11.0
"""Distance in CIELAB at which two colours of a legend are still told apart."""
RED_GREEN_BLIND = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
"""What a person without the medium-wave cones sees, in linear RGB (Viénot, Brettel and Mollon 1999)."""


def class_colors(names: Sequence[str]) -> list[Color]:
    """A colour for each class, all different; the same names always get the same colours.

    Known crops come near the convention of crop maps (corn yellow, soybean green, ...). Where two of them
    are alike, and for unknown names, the colour farthest from all others is taken, also as a person with
    red-green blindness sees it. Never black or white.
    """
    crops = _crops()
    wanted = [_crop_of(name, crops) for name in names]
    colors: list[Color | None] = [None] * len(names)
    # The surer a name is known, the earlier it takes its colour; unknown names get what is left.
    for position in sorted(range(len(names)), key=lambda i: (wanted[i] is None, wanted[i] or 0, str(names[i]), i)):
        taken = [color for color in colors if color is not None]
        own = None if wanted[position] is None else crops[wanted[position]]["color"]
        colors[position] = _free_color(own, taken)
    return [color for color in colors if color is not None]


@lru_cache(maxsize=1)
def _crops() -> list[dict[str, Any]]:
    crops = json.loads(PALETTE.read_text(encoding="utf-8"))["crops"]
    return [{"color": _rgb(crop["color"]), "words": crop["words"]} for crop in crops]


def _crop_of(name: str, crops: Sequence[dict[str, Any]]) -> int | None:
    """Index of the crop whose keyword is in the name; the longest keyword decides, then the first crop."""
    words = re.findall(r"[^\W_]+", str(name).casefold())
    text = " " + " ".join(words) + " "
    best: tuple[int, int, int] | None = None
    for index, crop in enumerate(crops):
        for keyword in crop["words"]:
            place = text.find(f" {keyword} ")
            if place < 0:
                place = text.find(f" {keyword}s ")
            if place >= 0:
                # "Soy_Corn" is soybean first: of several crops the first named counts, of one place the longer word.
                rank = (place, -len(keyword), index)
                best = rank if best is None or rank < best else best
    return None if best is None else best[2]


def _free_color(own: Color | None, taken: Sequence[Color]) -> Color:
    if own is not None and (not taken or _distances([own], taken)[0] >= LEAST_DISTANCE):
        return own
    candidates = _candidates()
    if not taken:
        return candidates[0]
    apart = _distances(candidates, taken)
    if own is not None:
        near = _distances(candidates, [own])
        good = apart >= LEAST_DISTANCE
        if good.any():
            return candidates[int(np.argmin(np.where(good, near, np.inf)))]
    return candidates[int(np.argmax(apart))]


@lru_cache(maxsize=1)
def _candidates() -> list[Color]:
    """Colours that are neither nearly black nor nearly white nor without colour."""
    steps = range(10, 256, 20)
    colors = [(r, g, b) for r in steps for g in steps for b in steps]
    lab = _lab(colors)
    light, colorful = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    return [c for c, l, s in zip(colors, light, colorful) if 25 <= l <= 90 and s >= 12]


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
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def _rgb(code: str) -> Color:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
