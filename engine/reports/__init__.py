"""HTML reports of a map and of a comparison, with their plots."""
