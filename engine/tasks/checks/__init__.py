"""Everything that can be known to be wrong with a task before it runs."""
