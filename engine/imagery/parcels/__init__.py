"""Parcels that are classified as a whole: read from a polygon layer, kept by place, written with their crops.

A ``layer.ParcelLayer`` hands its polygons to a ``store.ParcelStore``, a scratch file that gives them out by tiles and
keeps the decision about each; a ``writer.ParcelWriter`` writes a GeoPackage with the attributes of the parcels and the
decisions.

>>> from croptransfer.engine.imagery.parcels.store import Decision
>>> decision = Decision(number=1, crop=0, confidence=92.0, second=1, second_confidence=5.0, agreement=88.0, pixels=120)
>>> decision.crop, decision.pixels
(0, 120)
"""
