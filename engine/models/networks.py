"""All networks that a model file may hold, by their name in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

from .dcm import DcmNetwork, DcmSize
from .encoder import CropNetwork, NetworkSize
from .forest import ForestNetwork, ForestSize
from .gru_attention import GruAttention, GruAttentionSize
from .linear import LinearNetwork, LinearSize
from .ltae import LtaeNetwork, LtaeSize
from .network import SeriesNetwork
from .phenocropnet import PhenoCropNetSize, PhenoCropNetwork
from .temporal_cnn import TemporalCnn, TemporalCnnSize
from .transformer import TransformerNetwork, TransformerSize

NETWORKS: dict[str, tuple[type[SeriesNetwork], type]] = {
    network.kind: (network, size)
    for network, size in (
        (CropNetwork, NetworkSize),
        (ForestNetwork, ForestSize),
        (LinearNetwork, LinearSize),
        (DcmNetwork, DcmSize),
        (TransformerNetwork, TransformerSize),
        (PhenoCropNetwork, PhenoCropNetSize),
        (TemporalCnn, TemporalCnnSize),
        (GruAttention, GruAttentionSize),
        (LtaeNetwork, LtaeSize),
    )
}
"""Network and dataclass of its size."""
LIMITS = {"bands": 512, "classes": 254, "layers": 24, "heads": 64, "nodes": 50_000_000, "trees": 10_000}
"""Largest sizes that a file may have, so that a forged one cannot claim all memory."""
LIMIT = 1024
"""The same for every other whole number of a size."""


def size_to_json(size: Any) -> dict[str, Any]:
    """The size of a network as a model file holds it; fields keep the key that they had in the first model files.

    Parameters
    ----------
    size : dataclass
        One of the sizes of ``NETWORKS``.

    Returns
    -------
    dict
        From which :func:`build_network` builds it again.
    """
    return {_key(entry): getattr(size, entry.name) for entry in fields(size)}


def _key(entry: Field[Any]) -> str:
    return entry.metadata.get("key", entry.name)


def build_network(kind: str, size: Mapping[str, Any]) -> SeriesNetwork:
    """Build an untrained network.

    Parameters
    ----------
    kind : str
        Key of ``NETWORKS``.
    size : Mapping
        What :func:`size_to_json` gave.

    Returns
    -------
    SeriesNetwork
        With random weights.

    Raises
    ------
    ValueError, TypeError
        For an unknown kind, and a size out of range.
    """
    if kind not in NETWORKS:
        raise ValueError(f"this version has no network '{kind}'")
    network, shape = NETWORKS[kind]
    names = {_key(entry): entry.name for entry in fields(shape)}
    wanted = shape(**{names.get(key, key): value for key, value in size.items()})
    for entry in fields(wanted):
        value = getattr(wanted, entry.name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = 1 <= value <= LIMITS.get(entry.name, LIMIT) if whole else isinstance(value, float) and 0 <= value < 1
        if not fits:
            raise ValueError(f"its {entry.name} is {value!r}")
    return network(wanted)
