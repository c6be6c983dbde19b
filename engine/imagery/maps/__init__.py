"""Maps written: GeoTIFF, tiles and their VRT, colours, legends (QML), Cloud Optimized GeoTIFF."""
