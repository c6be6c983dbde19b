"""From a task description to what is read: bands matched, season aligned, target opened."""
