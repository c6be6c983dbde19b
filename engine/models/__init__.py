"""The networks that classify a pixel's time series, and the trained model that classifies a stack with one.

``network`` defines the interface of all networks, ``networks`` lists them by their name in a model file. ``encoder`` is
the network of GHCA; the others (``dcm``, ``transformer``, ``phenocropnet``, ``temporal_cnn``, ``gru_attention``,
``ltae``, ``forest``) are those of the methods it is compared with. ``standardise`` scales the bands, ``device`` chooses
device and threads. ``trained`` joins a network with classes, bands, calendar and calibration, and reads and writes
model files. ``student`` is the small network to which mapping distils a model for one stack.

Networks take values (b, t, c), observed (b, t) and days, and return logits (b, k) and features:

>>> import torch
>>> from croptransfer.engine.models.networks import build_network
>>> network = build_network("attention", {"bands": 2, "classes": 3, "width": 16})
>>> logits, features = network(torch.zeros(4, 5, 2), torch.ones(4, 5, dtype=torch.bool), torch.arange(5.0))
>>> tuple(logits.shape), tuple(features.embedding.shape)
((4, 3), (4, 16))
"""

from .trained import TrainedModel
