"""What sensors and products mean: band names, dates in names, wavelengths, quality flags, scale, indices."""
