"""Make the sample scene: two invented regions with six crops, as Sentinel-2 would see them.

``make sample`` runs it; the same script writes the same bytes. Usage: generate.py [FOLDER]
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from crops import CROPS, SENTINEL2, SOURCE, TARGET, WOODLAND, Field, Region, canopy_reflectance, iso_dates
from osgeo import gdal, ogr, osr
from scipy import ndimage

SIZE = 112
"""Rows and columns of a scene."""
PIXEL = 20.0
"""Size of a pixel in metres."""
STEP = 25
"""Reflectances are rounded to .0025, below their noise, so that the files stay small."""
LARGEST = 260.0
"""A piece of land is divided until it is smaller than this, in pixels."""
LABELLED = 0.7
"""Share of the source's fields with a crop in the labels."""

Rectangle = tuple[float, float, float, float]
"""A parcel in the frame of the fields: left, right, lower and upper side, in pixels."""


def main(folder: Path) -> None:
    """Write the scene into ``folder``."""
    gdal.UseExceptions()
    ogr.UseExceptions()
    osr.UseExceptions()
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for region in (SOURCE, TARGET):
        # The stream of RandomState is frozen by NumPy's promise, that of newer generators is not.
        random = np.random.RandomState(region.seed)
        parcels = divide(random)
        parcel_of = locate(region, parcels)
        fields = sow(region, parcel_of, parcels, random)
        images = photograph(region, parcel_of, fields, random)
        write_stack(folder / f"{region.name}.tif", region, images)
        classes = np.array([0] + [CROPS.index(f.crop) + 1 if f.crop in CROPS else 0 for f in fields], np.uint8)
        truth = classes[parcel_of]
        if region is SOURCE:
            write_fields(folder / "fields.gpkg", region, parcels, fields, random)
        else:
            write_byte(folder / "truth" / "target_truth.tif", region, truth, "crop")
            write_byte(folder / "target_mask.tif", region, (truth > 0).astype(np.uint8), "cropland")
    (folder / "truth" / "classes.txt").write_text("".join(f"{crop.name}\n" for crop in CROPS), encoding="utf-8")


def divide(random: np.random.RandomState) -> list[Rectangle]:
    """Divide the land by straight cuts into parcels; the first cuts leave room for tracks."""
    reach = 0.75 * SIZE
    open_pieces: list[tuple[Rectangle, int]] = [((-reach, reach, -reach, reach), 0)]
    parcels = []
    while open_pieces:
        (left, right, low, high), depth = open_pieces.pop()
        width, height = right - left, high - low
        if width * height < LARGEST * random.uniform(0.6, 1.25):
            parcels.append((left, right, low, high))
            continue
        track = 0.8 if depth < 4 else 0.0
        share = random.uniform(0.34, 0.66)
        # Long pieces are cut across, with some freedom: farmland has strips beside blocks.
        if width > height * random.uniform(0.6, 1.6):
            cut = left + share * width
            halves = ((left, cut - track, low, high), (cut + track, right, low, high))
        else:
            cut = low + share * height
            halves = ((left, right, low, cut - track), (left, right, cut + track, high))
        open_pieces += [(half, depth + 1) for half in halves]
    return parcels


def bend(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Small waves that keep the borders of fields from being straight lines."""
    return 2.2 * np.sin(y / 17) + 0.9 * np.sin(x / 9 + 1), 2.0 * np.sin(x / 21 + 2) + 0.8 * np.sin(y / 8)


def frame(region: Region, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels (x, y) in the frame of the fields."""
    angle = math.radians(region.direction)
    dx, dy = bend(x, y)
    x, y = x + dx - SIZE / 2, y + dy - SIZE / 2
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def unframe(region: Region, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of :func:`frame`, by fixed-point iteration."""
    angle = math.radians(region.direction)
    goal_x = u * math.cos(angle) - v * math.sin(angle) + SIZE / 2
    goal_y = v * math.cos(angle) + u * math.sin(angle) + SIZE / 2
    x, y = goal_x, goal_y
    for _ in range(60):
        dx, dy = bend(x, y)
        x, y = goal_x - dx, goal_y - dy
    return x, y


def locate(region: Region, parcels: list[Rectangle]) -> np.ndarray:
    """Number of the parcel at the centre of every pixel, from 1; 0 on tracks."""
    row, column = np.mgrid[:SIZE, :SIZE] + 0.5
    u, v = frame(region, column, row)
    parcel_of = np.zeros((SIZE, SIZE), np.int64)
    for number, (left, right, low, high) in enumerate(parcels, 1):
        parcel_of[(u >= left) & (u < right) & (v >= low) & (v < high)] = number
    return parcel_of


def sow(region: Region, parcel_of: np.ndarray, parcels: list[Rectangle], random: np.random.RandomState) -> list[Field]:
    """Give every parcel a crop, by the region's shares of land, and a character of its own."""
    pixels = np.bincount(parcel_of.ravel(), minlength=len(parcels) + 1)[1:]
    planted = np.zeros(len(CROPS))
    crops = []
    for number in range(len(parcels)):
        if random.uniform() < 0.07:
            crops.append(WOODLAND)
            continue
        # The crop that lags most behind its share comes next, with some chance in it.
        lag = np.array(region.shares) * (planted.sum() + pixels[number]) - planted
        choice = int(np.argmax(lag + random.uniform(0, 250, len(CROPS)) * np.sqrt(region.shares)))
        planted[choice] += pixels[number]
        crops.append(CROPS[choice])
    fields = []
    for crop in crops:
        character = np.clip(random.normal(size=7), -2, 2)
        delay = region.delay + (region.crop_delay[CROPS.index(crop)] if crop in CROPS else 0)
        fields.append(
            Field(
                crop=crop,
                delay=delay + 3.0 * character[0],
                late_senescence=3.5 * character[1],
                leaf_area=1 + 0.15 * character[2],
                chlorophyll=1 + 0.10 * character[3],
                soil_brightness=1 + 0.20 * character[4],
                leaf_angle=5.0 * character[5],
                cut_delay=12.0 * character[6],
            )
        )
    return fields


def photograph(region: Region, parcel_of: np.ndarray, fields: list[Field], random: np.random.RandomState) -> np.ndarray:
    """Reflectance x 10000 of every date and band, uint16 of shape (dates, 10, SIZE, SIZE); 0 is a gap."""
    vigour = smooth_noise(random, 5.0)
    vigour = np.clip(0.55 * vigour, -1, 1)
    visible = np.unique(parcel_of)
    images = []
    for day in region.days:
        dryness = np.clip(region.soil_dryness + 0.2 * random.normal(), 0.05, 1)
        view = random.uniform(0, 9)
        table = np.zeros((len(fields) + 1, 3, len(SENTINEL2)))
        for number in visible[visible > 0]:
            table[number] = canopy_reflectance(region, fields[number - 1], day, dryness, view)
        # Tracks: gravel with a green verge.
        table[0] = np.linspace(0.10, 0.30, len(SENTINEL2))
        low, middle, high = (table[parcel_of, level] for level in range(3))
        strength = vigour[..., None]
        image = middle + np.where(strength < 0, (middle - low) * strength, (high - middle) * strength)
        # A pixel's signal comes partly from its neighbours.
        image = ndimage.gaussian_filter(image, (0.45, 0.45, 0), mode="nearest")
        image *= 1 + 0.015 * random.normal(size=len(SENTINEL2))
        image = image * (1 + 0.010 * random.normal(size=image.shape)) + 0.002 * random.normal(size=image.shape)
        counts = np.clip(np.round(image * 10000 / STEP), 1, 10000 // STEP) * STEP
        counts[clouds(random)] = 0
        images.append(counts.transpose(2, 0, 1).astype(np.uint16))
    return np.array(images)


def smooth_noise(random: np.random.RandomState, scale: float) -> np.ndarray:
    """A random surface with mean 0 and deviation 1, smooth over ``scale`` pixels, (SIZE, SIZE)."""
    surface = ndimage.gaussian_filter(random.normal(size=(SIZE, SIZE)), scale, mode="reflect")
    return (surface - surface.mean()) / surface.std()


def clouds(random: np.random.RandomState) -> np.ndarray:
    """True under the clouds of one date and their shadows, (SIZE, SIZE)."""
    cover = random.choice([0.0, 0.08, 0.25, 0.55, 0.85], p=[0.2, 0.2, 0.25, 0.25, 0.1])
    surface = smooth_noise(random, 9.0) + 0.25 * smooth_noise(random, 2.5)
    return surface > np.quantile(surface, 1 - cover) if cover else np.zeros((SIZE, SIZE), bool)


def write_stack(path: Path, region: Region, images: np.ndarray) -> None:
    """Write (dates, bands, rows, columns) as one GeoTIFF with bands named ``BAND_date``."""
    dates, bands = images.shape[:2]
    options = ["TILED=YES", "BLOCKXSIZE=112", "BLOCKYSIZE=112", "COMPRESS=DEFLATE", "ZLEVEL=9", "PREDICTOR=2"]
    options.append("INTERLEAVE=BAND")
    file = gdal.GetDriverByName("GTiff").Create(str(path), SIZE, SIZE, dates * bands, gdal.GDT_UInt16, options)
    place(file, region)
    for number, date in enumerate(iso_dates(region)):
        for position, name in enumerate(SENTINEL2):
            band = file.GetRasterBand(number * bands + position + 1)
            band.SetDescription(f"{name}_{date}")
            band.SetNoDataValue(0)
            band.SetScale(0.0001)
            band.WriteRaster(0, 0, SIZE, SIZE, np.ascontiguousarray(images[number, position]).tobytes())
    file.FlushCache()


def write_byte(path: Path, region: Region, values: np.ndarray, description: str) -> None:
    """Write one Byte band with nodata 0."""
    options = ["COMPRESS=DEFLATE", "ZLEVEL=9"]
    file = gdal.GetDriverByName("GTiff").Create(str(path), SIZE, SIZE, 1, gdal.GDT_Byte, options)
    place(file, region)
    band = file.GetRasterBand(1)
    band.SetDescription(description)
    band.SetNoDataValue(0)
    band.WriteRaster(0, 0, SIZE, SIZE, np.ascontiguousarray(values).tobytes())
    file.FlushCache()


def place(file: gdal.Dataset, region: Region) -> None:
    """Give a raster its place on the Earth."""
    file.SetGeoTransform((region.corner[0], PIXEL, 0.0, region.corner[1], 0.0, -PIXEL))
    file.SetProjection(reference(region).ExportToWkt())


def reference(region: Region) -> osr.SpatialReference:
    """The region's coordinate reference system."""
    system = osr.SpatialReference()
    system.ImportFromEPSG(region.epsg)
    return system


def write_fields(
    path: Path, region: Region, parcels: list[Rectangle], fields: list[Field], random: np.random.RandomState
) -> None:
    """Write the source's fields as polygons; those that nobody visited have no crop (NULL)."""
    path.unlink(missing_ok=True)
    # The format stores the time of the last change, which must not differ from run to run.
    gdal.SetConfigOption("OGR_CURRENT_DATE", "2021-12-31T00:00:00.000Z")
    file = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = file.CreateLayer("fields", reference(region), ogr.wkbPolygon, ["SPATIAL_INDEX=NO"])
    layer.CreateField(ogr.FieldDefn("crop", ogr.OFTString))
    layer.CreateField(ogr.FieldDefn("hectares", ogr.OFTReal))
    left, top = region.corner
    side = SIZE * PIXEL
    scene = polygon(np.array([left, left + side, left + side, left]), np.array([top, top, top - side, top - side]))
    for (u0, u1, v0, v1), field in zip(parcels, fields):
        along = np.linspace(0, 1, 9)[:-1]
        u = np.concatenate([u0 + (u1 - u0) * along, np.full(8, u1), u1 + (u0 - u1) * along, np.full(8, u0)])
        v = np.concatenate([np.full(8, v0), v0 + (v1 - v0) * along, np.full(8, v1), v1 + (v0 - v1) * along])
        x, y = unframe(region, u, v)
        shape = polygon(np.round(left + x * PIXEL, 1), np.round(top - y * PIXEL, 1)).Intersection(scene)
        hectares = shape.Area() / 10000
        if field.crop is WOODLAND or shape.GetGeometryType() != ogr.wkbPolygon or hectares < 0.5:
            continue
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(shape)
        feature.SetField("hectares", round(hectares, 2))
        if random.uniform() < LABELLED:
            feature.SetField("crop", field.crop.name)
        layer.CreateFeature(feature)
    del feature, layer, file  # closing writes that time
    gdal.SetConfigOption("OGR_CURRENT_DATE", None)


def polygon(x: np.ndarray, y: np.ndarray) -> ogr.Geometry:
    """A polygon through the points (x, y)."""
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for px, py in zip([*x, x[0]], [*y, y[0]]):
        ring.AddPoint_2D(float(px), float(py))
    shape = ogr.Geometry(ogr.wkbPolygon)
    shape.AddGeometry(ring)
    return shape


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
