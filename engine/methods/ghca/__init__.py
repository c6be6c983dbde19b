"""Global-hierarchical-categorical alignment (GHCA): its fit, its steps and its safeguards."""
