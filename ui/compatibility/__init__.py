"""How source and target fit: dates of both, bands matched, quality flags."""
