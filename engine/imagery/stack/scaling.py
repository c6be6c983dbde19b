"""Scale and offset of every raster band of one stack: what the files say, else by the size of the numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_io import file_name
from ..geo.windows import sample_window
from ..sensors.product_scaling import NAME, NOT_REFLECTANCE, StoredValues
from ..sensors.sentinel2_names import Sentinel2
from ..sensors.sentinel2_offset import StackOffset, dark_bands, dark_value
from ..sensors.value_range import (
    BELOW_ZERO,
    FACTOR,
    INDEX_LIMIT,
    POSSIBLE,
    RARE,
    SizeScale,
    impossible,
    is_bounded_index,
    is_reflectance,
    scale_of_indices,
    scale_of_reflectance,
)
from .raster_file import FileBand, RasterFile

SAMPLE_SIDE = 64
ENOUGH = SAMPLE_SIDE * SAMPLE_SIDE // 4
"""Numbers of a raster band that are enough."""
SAMPLE_BANDS = 3
"""Raster bands of each name that are read to decide the scale."""
PLACES = ((2, 2), (1, 1), (3, 3), (1, 3), (3, 1), (0, 2), (4, 2), (2, 0), (2, 4), (0, 0), (4, 4), (4, 0), (0, 4))
"""Where they are read, in quarters of a file: the middle first, further ones where there are few numbers."""
MORE_BANDS = 12
"""The same where their size is unusual."""
DARK_DATES = (3, 6)
"""Dates before and since Sentinel-2's offset whose dark values are read, at most."""
Located = tuple[RasterFile, FileBand]
Key = TypeVar("Key", bound=Hashable)


class StackScale:
    """Decides the scale of a stack's raster bands; reads a few small windows of those whose scale is uncertain.

    Parameters
    ----------
    files : sequence of RasterFile
        The files of the stack.
    names, dates : sequence of str
        Band names and ISO dates of the stack.

    Attributes
    ----------
    guessed : bool
        Whether the scale of some band is a guess by the size of its numbers.
    """

    def __init__(self, files: Sequence[RasterFile], names: Sequence[str], dates: Sequence[str]) -> None:
        self._names, self._dates = names, dates
        self._bands = [(file, band) for file in files for band in file.bands]
        self._sampled: dict[tuple[str, int], np.ndarray] = {}
        self._undone: list[str] = []
        self._known = {key: self._check(key, own) for key, own in self._groups(self._is_doubtful, _known_key).items()}
        self._size = {kind: self._guess(kind, own) for kind, own in self._groups(self._by_size, self._kind).items()}
        self._beyond = self._beyond_range()
        self.guessed = any(size.scale != 1 for size in self._size.values())
        located = [(_sentinel_2(band), dates[band.date], file.path) for file, band in self._bands]
        self._offset = StackOffset([(own, date, path) for own, date, path in located if own is not None])
        for how in self._offset.undecided():
            self._offset.decide(how, *self._dark_values(how))
        self._scaling = {id(band): self._decided(band) for _, band in self._bands}
        self._sampled.clear()

    def of(self, band: FileBand) -> tuple[float, float]:
        """Scale and offset of a raster band.

        Parameters
        ----------
        band : FileBand
            One of the files'.
        """
        return self._scaling[id(band)]

    def warnings(self, role: str, name: str) -> list[str]:
        """Sentences about what was decided for the user.

        Parameters
        ----------
        role : str
            ``source`` or ``target``.
        name : str
            Of the stack.
        """
        guessed = [size.note for size in self._size.values() if size.note]
        if any(self._by_size(band) and self._base(band) == (1 / FACTOR, 0.0) for _, band in self._bands):
            guessed.insert(0, f"its values are divided by {FACTOR:.0f}")
        told = [f"The {role} stack {name} declares no scale: {note}." for note in dict.fromkeys(guessed)]
        told += [f"The {role} stack {name} has {note}." for note in self._undone]
        if self._beyond:
            told.append(f"The {role} stack {name} has {self._beyond}, beyond -1 to 1: set its scale and offset.")
        return told + self._offset.warnings(role)

    def _groups(self, wanted: Callable[[FileBand], bool], key: Callable[[FileBand], Key]) -> dict[Key, list[Located]]:
        found: dict[Key, list[Located]] = {}
        for file, band in self._bands:
            if wanted(band):
                found.setdefault(key(band), []).append((file, band))
        return found

    def _decided(self, band: FileBand) -> tuple[float, float]:
        scale, offset = self._base(band)
        if band.given and band.given.offset is not None:
            return scale, band.given.offset
        own = _sentinel_2(band)
        return scale, offset + (self._offset.of(own, self._dates[band.date]) if own else 0.0)

    def _base(self, band: FileBand) -> tuple[float, float]:
        """Scale and offset without that of Sentinel-2's baseline."""
        if band.stored.scaling is not None:
            return self._known.get(_known_key(band), band.stored.scaling)
        if not self._by_size(band):
            return 1.0, 0.0
        size = self._size[self._kind(band)]
        return band.stored.product if band.stored.product and size.scale != 1 else (size.scale, size.offset)

    def _by_size(self, band: FileBand) -> bool:
        known = band.stored.scaling is not None or band.data_type == gdal.GDT_Byte
        return not known and self._names[band.band].upper() not in NOT_REFLECTANCE

    def _kind(self, band: FileBand) -> tuple[int, bool]:
        """Data type, and whether it is an index: a stack may hold reflectance times 10000 beside indices as such."""
        return band.data_type, is_bounded_index(self._names[band.band])

    def _is_doubtful(self, band: FileBand) -> bool:
        name = self._names[band.band]
        return bool(band.stored.doubt) and (is_reflectance(name) or is_bounded_index(name))

    def _guess(self, kind: tuple[int, bool], bands: Sequence[Located]) -> SizeScale:
        decide = scale_of_indices if kind[1] else scale_of_reflectance
        size = decide(self._samples(bands))
        if size.note:
            # Few dates and places may show a desert, or a winter.
            size = decide(self._samples(bands, MORE_BANDS, whole=True), RARE)
        # The numbers of a product by its name are its own, however large.
        return SizeScale(size.scale) if all(band.stored.product for _, band in bands) else size

    def _beyond_range(self) -> str:
        """The indices that are used as they are stored, bytes among them, and how large they are beyond their range."""

        def as_stored(band: FileBand) -> bool:
            kind = self._kind(band)
            told = kind in self._size and self._size[kind].note
            return band.stored.scaling is None and kind[1] and not told and self._base(band) == (1.0, 0.0)

        samples = self._samples([one for own in self._groups(as_stored, self._kind).values() for one in own])
        sizes = {name: float(np.median(np.abs(values))) for name, values in samples.items() if len(values)}
        return ", ".join(f"{name} of about {size:.3g}" for name, size in sizes.items() if size > INDEX_LIMIT)

    def _check(self, key: tuple[int, StoredValues], bands: Sequence[Located]) -> tuple[float, float]:
        """The known scale and offset of bands, or others where those give impossible values."""
        (_, stored), samples = key, self._samples(bands)
        known = stored.scaling or (1.0, 0.0)
        by_name = stored.doubt == NAME
        wrong = impossible(samples, known, BELOW_ZERO if by_name else POSSIBLE[0])
        if not wrong:
            return known
        others = [(known[0], known[0] * known[1])] if abs(known[1]) >= 1 else []
        sizes = scale_of_indices(samples), scale_of_reflectance(samples)
        others += [(1.0, 0.0), *((size.scale, size.offset) for size in sizes)]
        better = next((one for one in others if not impossible(samples, one)), None)
        what = f"a scale of {known[0]:g} and an offset of {known[1]:g} by its {'name' if by_name else 'metadata'}"
        where = f"in {file_name(bands[0][0].path)}, which would give {wrong}"
        instead = "set both" if better is None else f"{better[0]:g} and {better[1]:g} are used instead"
        self._undone.append(f"{what} {where}: {instead}")
        return better or known

    def _samples(
        self, bands: Sequence[Located], count: int = SAMPLE_BANDS, whole: bool = False
    ) -> dict[str, np.ndarray]:
        """Stored numbers of a few windows, by band name; ``whole``: from all over the files."""
        by_name: dict[str, list[Located]] = {}
        for file, band in bands:
            by_name.setdefault(self._names[band.band], []).append((file, band))
        for name, own in by_name.items():
            spread = np.unique(np.linspace(0, len(own) - 1, count + 2)[1:-1].round().astype(int))
            by_name[name] = [own[position] for position in spread]
        if whole:
            return {n: np.concatenate([_read_sample(*one, np.inf) for one in own]) for n, own in by_name.items()}
        self._read_middles([one for own in by_name.values() for one in own])
        return {name: np.concatenate([self._sample(*one) for one in own]) for name, own in by_name.items()}

    def _dark_values(self, how: str) -> tuple[list[list[float]], list[list[float]]]:
        """Dark values of the dark bands of one way (see :class:`StackOffset`), before Sentinel-2's offset and since."""
        known = [(file, band, _sentinel_2(band)) for file, band in self._bands]
        of_way = [(file, band, own) for file, band, own in known if own is not None and own.how == how]
        chosen: tuple[list[list[Located]], list[list[Located]]] = [], []
        for name in dark_bands(dict.fromkeys(self._names[band.band] for _, band, _ in of_way)):
            of_name = [one for one in of_way if self._names[one[1].band] == name]
            for possible in (False, True):
                some = [(f, b) for f, b, own in of_name if own.possible_on(self._dates[b.date]) == possible]
                chosen[possible].append(_spread(some, DARK_DATES[possible]))
        self._read_middles([one for side in chosen for own in side for one in own])
        before, after = ([[self._dark_value(*one) for one in own] for own in side] for side in chosen)
        return before, after

    def _dark_value(self, file: RasterFile, band: FileBand) -> float:
        scale, offset = self._base(band)
        try:
            return dark_value(self._sample(file, band) * scale + offset)
        except InputError:
            return np.nan  # reported when the window is read for the map, which keeps all others

    def _read_middles(self, bands: Sequence[Located]) -> None:
        """Sample the middle of files, all bands of one at once: a block may hold all of them."""
        by_file: dict[RasterFile, list[FileBand]] = {}
        for file, band in bands:
            if (file.path, band.index) not in self._sampled:
                by_file.setdefault(file, []).append(band)
        for file, own in by_file.items():
            try:
                values = file.read(sample_window(file.grid, SAMPLE_SIDE, *PLACES[0]), own, [(1.0, 0.0)] * len(own))
            except InputError:
                continue  # reported for the band that cannot be read, where it is needed
            for number, band in enumerate(own):
                stored = _observed(values[..., number])
                if len(stored) >= ENOUGH:
                    self._sampled[file.path, band.index] = stored

    def _sample(self, file: RasterFile, band: FileBand) -> np.ndarray:
        """Stored numbers of a raster band from the middle of its file, and from elsewhere where there are none."""
        key = file.path, band.index
        if key not in self._sampled:
            self._sampled[key] = _read_sample(file, band)
        return self._sampled[key]


def _sentinel_2(band: FileBand) -> Sentinel2 | None:
    """What is known of Sentinel-2's offset in a band; None where a person says what its offset is."""
    return None if band.given and band.given.offset is not None else band.stored.sentinel_2


def _known_key(band: FileBand) -> tuple[int, StoredValues]:
    return band.data_type, band.stored


def _spread(bands: Sequence[Located], count: int) -> list[Located]:
    """Some of the bands, from all dates."""
    ordered = sorted(bands, key=lambda one: one[1].date)
    places = np.unique(np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int))
    return [ordered[place] for place in places]


def _observed(stored: np.ndarray) -> np.ndarray:
    return stored[np.isfinite(stored) & (stored != 0)].astype(np.float64)


def _read_sample(file: RasterFile, band: FileBand, enough: float = ENOUGH) -> np.ndarray:
    found: list[np.ndarray] = []
    for across, down in PLACES:
        stored = file.read(sample_window(file.grid, SAMPLE_SIDE, across, down), [band], [(1.0, 0.0)])
        found.append(_observed(stored[..., 0]))
        if sum(map(len, found)) >= enough:
            break
    return np.concatenate(found)
