"""Tasks run from their inputs to their published files."""
