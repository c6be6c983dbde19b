"""Points and polygons in memory: of points only the coordinates, so that a million labels take megabytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from osgeo import ogr


class Shapes:
    """OGR points and polygons, single ones, in the order in which they were added.

    A geometry takes half a kilobyte; of a point the two coordinates are kept instead, and the geometry is made again
    when it is needed.

    Parameters
    ----------
    shapes : iterable of ogr.Geometry, optional
        The first ones.
    """

    def __init__(self, shapes: Iterable[Any] = ()) -> None:
        self._x, self._y = array("d"), array("d")
        self._others: dict[int, Any] = {}
        for shape in shapes:
            self.append(shape)

    def append(self, shape: Any) -> None:
        """Add a point or polygon.

        Parameters
        ----------
        shape : ogr.Geometry
        """
        point = ogr.GT_Flatten(shape.GetGeometryType()) == ogr.wkbPoint and not shape.IsEmpty()
        if not point:
            self._others[len(self)] = shape
        self._x.append(shape.GetX() if point else 0.0)
        self._y.append(shape.GetY() if point else 0.0)

    def __len__(self) -> int:
        return len(self._x)

    def __iter__(self) -> Iterator[Any]:
        return self.at(range(len(self)))

    def at(self, index: Sequence[int] | np.ndarray) -> Iterator[Any]:
        """Some of the shapes, one after the other.

        Parameters
        ----------
        index : sequence or ndarray of int
            Their numbers from 0.
        """
        for number in index:
            other = self._others.get(int(number))
            if other is None:
                other = ogr.Geometry(ogr.wkbPoint)
                other.AddPoint_2D(self._x[number], self._y[number])
            yield other

    def boxes(self) -> np.ndarray:
        """(n, 4) float64 least x, greatest x, least y, greatest y of each."""
        found = np.empty((len(self), 4))
        found[:, :2], found[:, 2:] = np.array(self._x)[:, None], np.array(self._y)[:, None]
        for number, shape in self._others.items():
            found[number] = shape.GetEnvelope()
        return found
