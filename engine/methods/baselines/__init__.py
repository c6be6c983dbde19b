"""The methods that GHCA is compared with: published ones, rebuilt after their papers, one a file.

What a paper or its public code says and what is a choice of this project stands in each docstring. All
share the splits, the class-balanced batches and the budget of optimiser steps (``learner``).
"""
