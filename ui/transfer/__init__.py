"""The transfer dialog: source, target, output, run."""
