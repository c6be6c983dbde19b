"""Search for imagery in STAC catalogues: the dialog, its table, and the task."""
