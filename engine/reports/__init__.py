"""HTML reports, each one file with its pictures inside.

``map_report`` is the report of a map and ``comparison_report`` that of a comparison of methods, drawn by
``comparison_plots``; ``plotting`` is what both use.

>>> from croptransfer.engine.reports.plotting import hex_colors
>>> hex_colors([(255, 200, 0)])
['#ffc800']
"""
