"""Scenes found in a STAC catalogue and written as a folder of virtual rasters.

``catalogs`` holds the known catalogues and products; ``query`` checks what is wanted, and ``client`` searches it.
``assets`` chooses the rasters of each scene, ``group_by_date`` joins scenes of one day, ``headers`` reads their rasters
and decides on one grid, and ``vrt_folder`` writes the stack.

>>> from croptransfer.engine.imagery.stac.catalogs import catalogue_of
>>> from croptransfer.engine.imagery.stac.query import Query, query_problems
>>> earth_search = catalogue_of("https://earth-search.aws.element84.com/v1")
>>> query = Query(earth_search.url, (earth_search.collections[0],), (10, 50, 10.1, 50.1), "2024-03-01", "2024-02-01")
>>> [problem.code for problem in query_problems(query)]
['season']
"""
