"""Scores of a classification against reference labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Agreement of predicted with reference classes."""

    confusion: np.ndarray
    """(k, k) int64: rows are the reference classes, columns the predicted ones."""

    @staticmethod
    def of(reference: np.ndarray, predicted: np.ndarray, classes: int) -> Scores:
        """Count how reference and predicted classes meet.

        Parameters
        ----------
        reference, predicted : (n,) int64
            Class indices, 0 to ``classes`` - 1.
        classes : int
            Number of classes, k.

        Returns
        -------
        Scores
        """
        flat = np.asarray(reference, np.int64) * classes + np.asarray(predicted, np.int64)
        return Scores(np.bincount(flat, minlength=classes * classes).reshape(classes, classes))

    @property
    def overall_accuracy(self) -> float:
        """Share of samples whose predicted class is the reference class, 0 to 1."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def f1(self) -> np.ndarray:
        """(k,) F1 of each class, 0 to 1; NaN for a class that is in neither the reference nor the map."""
        both = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return np.divide(2 * np.diag(self.confusion), both, out=np.full(len(both), np.nan), where=both > 0)

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes that occur, 0 to 1."""
        return float(np.nanmean(self.f1))

    @property
    def kappa(self) -> float:
        """Cohen's kappa; 0 where chance alone agrees fully."""
        total = self.confusion.sum()
        chance = float((self.confusion.sum(axis=0) * self.confusion.sum(axis=1)).sum() / total**2)
        return (self.overall_accuracy - chance) / (1 - chance) if chance < 1 else 0.0
