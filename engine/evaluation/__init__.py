"""Is it any good: scores against reference labels, comparisons of methods, the report of a map."""
