"""Sensors and products: what band names, dates in names, stored numbers and quality flags mean.

``band_names`` finds dates (by the tables of ``date_patterns``) and band names in texts; ``wavelengths`` gives each name
its common name, and ``band_matching`` finds for each band of a source that of a target, or the index to compute by
``spectral_indices``. ``product_scaling`` decides scale and offset of stored numbers by metadata and names,
``value_range`` by their size, ``sentinel2_offset`` (with ``sentinel2_names``) whether ESA's offset of 2022 is in
them, and ``quality_flags`` which observations a quality band masks.

>>> from croptransfer.engine.imagery.sensors.band_matching import match_bands
>>> from croptransfer.engine.imagery.sensors.band_names import parse_date
>>> parse_date("T31UFS_20210501T105031_B8A_20m")
('2021-05-01', 'T31UFS_ _B8A_20m')
>>> match = match_bands(["RED", "NIR", "NDVI"], ["B04", "B08"])
>>> [(pair.source, pair.target) for pair in match.pairs]
[('RED', 'B04'), ('NIR', 'B08'), ('NDVI', '(nir - red) / (nir + red)')]
"""
