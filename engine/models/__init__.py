"""The networks that read a pixel's time series, and the trained model that classifies a stack with one."""

from .trained import TrainedModel

__all__ = ["TrainedModel"]
