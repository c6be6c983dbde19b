"""A raster stack read as series: values decoded, masked and mosaicked, window by window."""
