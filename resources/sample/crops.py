"""What the sample scene is made of: two regions, their crops and calendars, and spectra from PROSAIL.

PROSAIL is the leaf model PROSPECT-5 with the canopy model 4SAIL (Jacquemoud et al. 2009,
doi 10.1016/j.rse.2008.01.026). Leaf area follows a double logistic curve between sowing and harvest.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

import numpy as np
import prosail

SENTINEL2 = {
    "B02": (492, 66),
    "B03": (560, 36),
    "B04": (665, 31),
    "B05": (704, 15),
    "B06": (741, 15),
    "B07": (783, 20),
    "B08": (833, 106),
    "B8A": (865, 21),
    "B11": (1614, 91),
    "B12": (2202, 175),
}
"""Centre and width of the bands of Sentinel-2A in nm."""


@dataclass(frozen=True)
class Crop:
    """Growth of one crop in the source region; days are days of the year."""

    name: str
    """Crop as named in the labels."""
    growth: float
    """Day on which half of the leaf area is reached."""
    growth_pace: float
    """Days from the half to three quarters of it (scale of the logistic curve)."""
    senescence: float
    """Day on which half of the leaf area is gone."""
    senescence_pace: float
    """Scale of that decline in days."""
    harvest: float
    """Day of harvest; stubble or bare soil after it."""
    leaf_area: float
    """Highest leaf area index."""
    winter_leaf_area: float
    """Leaf area index before growth starts: 0 where the crop is sown in spring."""
    chlorophyll: float
    """Leaf chlorophyll in micrograms per square centimetre."""
    water: float
    """Leaf water in cm."""
    leaf_angle: float
    """Mean leaf inclination in degrees: low is flat, high is upright."""
    flowering: float = 0.0
    """Day of the peak of a yellow flowering; 0 for none."""
    cuts: tuple[float, ...] = ()
    """Days on which it is mown."""


CROPS = (
    Crop("Winter wheat", 93, 9, 168, 6, 190, 5.2, 0.7, 50, 0.014, 60),
    Crop("Rapeseed", 84, 9, 166, 7, 181, 4.4, 1.1, 44, 0.020, 46, flowering=114),
    Crop("Maize", 163, 8, 246, 8, 270, 4.8, 0.0, 50, 0.015, 48),
    Crop("Soybean", 178, 8, 236, 5, 258, 5.2, 0.0, 46, 0.013, 40),
    Crop("Sugar beet", 150, 9, 330, 15, 300, 4.6, 0.0, 48, 0.020, 42),
    Crop("Grassland", 80, 12, 320, 15, 400, 3.4, 1.2, 40, 0.012, 60, cuts=(136, 182, 232, 278)),
)
WOODLAND = Crop("Woodland", 108, 7, 300, 8, 400, 5.8, 0.8, 40, 0.010, 42)
"""Not a crop: neither labelled nor in the truth."""


@dataclass(frozen=True)
class Region:
    """One of the two regions: where and when it is, and how its crops differ."""

    name: str
    """File name of its stack, without suffix."""
    epsg: int
    """Coordinate reference system (UTM)."""
    corner: tuple[float, float]
    """Upper left corner in that system, in metres."""
    latitude: float
    """Degrees north: sets the sun's height."""
    year: int
    """Calendar year of the season."""
    days: tuple[int, ...]
    """Days of the year with an image."""
    delay: float
    """Days by which every crop is later than in :data:`CROPS`."""
    crop_delay: tuple[float, ...]
    """Further days for each crop."""
    leaf_area: float
    """Factor on the leaf area."""
    chlorophyll: float
    """Factor on the chlorophyll."""
    soil_brightness: float
    """Factor on PROSAIL's soil spectra."""
    soil_dryness: float
    """Share of the dry soil spectrum."""
    shares: tuple[float, ...]
    """Share of each crop among the fields."""
    direction: float
    """Direction of the fields in degrees."""
    seed: int
    """Seed of everything random in it."""


SOURCE = Region(
    name="source",
    epsg=32633,
    corner=(655000.0, 5215000.0),
    latitude=47.1,
    year=2021,
    days=(65, 80, 95, 107, 120, 133, 145, 157, 170, 185, 200, 215, 230, 245, 262, 283),
    delay=0.0,
    crop_delay=(0, 0, 0, 0, 0, 0),
    leaf_area=1.0,
    chlorophyll=1.0,
    soil_brightness=0.80,
    soil_dryness=0.70,
    shares=(0.24, 0.10, 0.30, 0.14, 0.07, 0.15),
    direction=17.0,
    seed=20210,
)
TARGET = Region(
    name="target",
    epsg=32632,
    corner=(610000.0, 5935000.0),
    latitude=53.5,
    year=2022,
    days=(72, 86, 98, 109, 121, 130, 143, 156, 168, 181, 193, 208, 219, 232, 246, 259, 276, 299),
    delay=28.0,
    crop_delay=(1, -3, 2, -2, -4, 0),
    leaf_area=0.93,
    chlorophyll=0.95,
    soil_brightness=0.68,
    soil_dryness=0.58,
    shares=(0.25, 0.23, 0.18, 0.12, 0.14, 0.08),
    direction=-31.0,
    seed=20220,
)


def iso_dates(region: Region) -> list[str]:
    """The region's acquisition dates as ISO text."""
    new_year = datetime.date(region.year, 1, 1)
    return [(new_year + datetime.timedelta(days=day - 1)).isoformat() for day in region.days]


def _rise(day: float, middle: float, pace: float) -> float:
    return 1 / (1 + math.exp(-(day - middle) / pace))


def sun_zenith(latitude: float, day: float) -> float:
    """Angle of the sun from the vertical in degrees at half past ten, local solar time."""
    declination = math.radians(-23.44 * math.cos(2 * math.pi * (day + 10) / 365))
    north, hour = math.radians(latitude), math.radians(-22.5)
    height = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.acos(height))


@dataclass(frozen=True)
class Field:
    """What one field has of its own."""

    crop: Crop
    """What grows on it."""
    delay: float
    """Days later than its crop's calendar."""
    late_senescence: float
    """Further days until senescence and harvest."""
    leaf_area: float
    """Factor on the leaf area."""
    chlorophyll: float
    """Factor on the chlorophyll."""
    soil_brightness: float
    """Factor on the soil spectra."""
    leaf_angle: float
    """Degrees added to the leaf inclination."""
    cut_delay: float
    """Days by which its owner mows later."""


def leaf_area_index(field: Field, day: float) -> tuple[float, float]:
    """Green leaf area index and share of brown matter of ``field`` on ``day``."""
    crop, day = field.crop, day - field.delay
    ripening = crop.senescence + field.late_senescence
    if day > crop.harvest + field.late_senescence:
        return 0.25, 0.9
    green = crop.winter_leaf_area + (crop.leaf_area * field.leaf_area - crop.winter_leaf_area) * _rise(
        day, crop.growth, crop.growth_pace
    )
    for cut in crop.cuts:
        since = day - cut - field.cut_delay
        if since >= 0:
            green *= 1 - 0.75 * math.exp(-since / 12)
    ripe = _rise(day, ripening, crop.senescence_pace)
    return green * (1 - 0.75 * ripe) + 0.02, ripe


def canopy_reflectance(region: Region, field: Field, day: float, dryness: float, view: float) -> np.ndarray:
    """Reflectance of ``field`` at low, middle and high vigour on ``day``, shape (3, 10).

    ``dryness`` is the share of dry soil, ``view`` the sensor's angle from the vertical in degrees.
    """
    green, ripe = leaf_area_index(field, day)
    crop = field.crop
    flowers = 0.30 * math.exp(-(((day - field.delay - crop.flowering) / 9) ** 2)) if crop.flowering else 0.0
    rows = []
    for vigour in (0.75, 1.0, 1.25):
        spectrum = prosail.run_prosail(
            n=1.4 + 0.6 * ripe,
            cab=crop.chlorophyll * region.chlorophyll * field.chlorophyll * (1 - 0.85 * ripe),
            car=8.0 * (1 - 0.4 * ripe),
            cbrown=0.9 * ripe,
            cw=crop.water * (1 - 0.7 * ripe),
            cm=0.006,
            lai=green * vigour * region.leaf_area,
            lidfa=crop.leaf_angle + field.leaf_angle,
            hspot=0.05,
            tts=sun_zenith(region.latitude, day),
            tto=view,
            psi=100.0,
            rsoil=region.soil_brightness * field.soil_brightness,
            psoil=dryness,
        )
        rows.append(band_means(spectrum) * (1 - flowers) + PETALS * flowers)
    return np.array(rows)


PETALS = np.array([0.05, 0.24, 0.28, 0.36, 0.46, 0.48, 0.50, 0.50, 0.28, 0.16])
"""Reflectance of yellow petals in the ten bands, which PROSAIL does not know."""


def band_means(spectrum: np.ndarray) -> np.ndarray:
    """Mean of a spectrum (2101 values, 400 to 2500 nm) over the width of each band, shape (10,)."""
    return np.array([spectrum[round(c - w / 2) - 400 : round(c + w / 2) - 399].mean() for c, w in SENTINEL2.values()])
