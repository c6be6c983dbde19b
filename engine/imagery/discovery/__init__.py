"""From files and folders to the bands of a stack.

``scene_files`` finds the rasters in a folder, an archive or a product's scene; ``cubes`` describes those that are
netCDF or Zarr, ``raster_bands`` every other one; ``mixed_sensors`` gives scenes of several sensors the same names.
``describe`` does all of it for the paths that a person chose, and notes what is left out.

>>> from croptransfer.engine.imagery.discovery.scene_files import scene_of
>>> scene = scene_of("LC08_L2SP_224078_20200518_20200820_02_T1_SR_B5.TIF")
>>> scene.band, scene.date
('NIR08', '2020-05-18')
"""
