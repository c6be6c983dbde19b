"""Files while a task runs: partial outputs, locks, checkpoints, the log of a comparison."""
