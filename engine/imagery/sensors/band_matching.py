"""Which band of the target is which band of the source, over sensors and their names.

A band is matched by its own name, then by its wavelength, then by a near wavelength (B08 and B8A both see the near
infrared), and an index is computed where it is not stored. Every choice is reported, and what would be a guess is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import InputError, listed
from ..geo.types import StackBand
from .spectral_indices import INDICES, bands_of_index, index_name
from .wavelengths import COMMON, LOOSE, NEAR, common_names, possible_meanings

SAME_NAME, SAME_WAVELENGTH, NEAR_WAVELENGTH, COMPUTED = "same name", "same wavelength", "near wavelength", "computed"
MAX_LISTED = 20
"""Bands listed in a message, at most."""


@dataclass(frozen=True)
class BandPair:
    """The band of the target for one band of the source."""

    source: str
    """Name of the band in the source."""
    target: str
    """Name of the band in the target; the formula where it is computed."""
    how: str
    """``same name``, ``same wavelength``, ``near wavelength`` or ``computed``."""
    inputs: tuple[str, ...] = ()
    """Bands of the target from which it is computed."""

    def describe(self, role: str = "target") -> str:
        """The pair as a sentence for people.

        Parameters
        ----------
        role : str, optional (default="target")
            Of the stack that gives the band: ``source`` or ``target``.
        """
        if self.how == COMPUTED:
            return f"{self.source} is computed from {', '.join(self.inputs)} of the {role}: {self.target}."
        return f"{self.target} of the target is used for {self.source} of the source ({self.how})."


@dataclass(frozen=True)
class BandMatch:
    """The matched bands of a source and a target."""

    pairs: tuple[BandPair, ...]
    """The matches, in the order of the source."""
    missing: tuple[str, ...]
    """Bands of the source that the target cannot give."""
    left_out: tuple[str, ...]
    """Bands of the target that are not used."""
    ambiguous: tuple[str, ...]
    """Sentences: where there was a choice, what was chosen and why, or why nothing was."""

    def messages(self) -> list[str]:
        """Sentences about every match that is not by the same name."""
        return [pair.describe() for pair in self.pairs if pair.how != SAME_NAME] + list(self.ambiguous)


def match_bands(source: Sequence[str], target: Sequence[str]) -> BandMatch:
    """Find for every band of the source the band of the target that shows the same.

    Parameters
    ----------
    source, target : sequence of str
        Names of bands and indices, of any sensor, without quality bands.

    Returns
    -------
    BandMatch
    """
    source, target = list(dict.fromkeys(source)), list(dict.fromkeys(target))
    source_common, target_common = common_names(source), common_names(target)
    pairs: list[BandPair] = []
    missing: list[str] = []
    ambiguous: list[str] = []
    for name in source:
        pair = _by_name(name, target, source_common[name], target_common)
        pair = pair or _by_wavelength(name, source_common[name], target_common, ambiguous)
        pair = pair or _by_formula(name, target)
        if pair:
            pairs.append(pair)
        else:
            missing.append(name)
            ambiguous += _unclear(name, "source")
    if missing:
        ambiguous += [
            sentence for name in target if target_common[name] is None for sentence in _unclear(name, "target")
        ]
    used = {name for pair in pairs for name in (pair.inputs or (pair.target,))}
    left_out = tuple(name for name in target if name not in used)
    return BandMatch(tuple(pairs), tuple(missing), left_out, tuple(ambiguous))


def require_match(source: Sequence[str], target: Sequence[str], owner: str, hint: str = "") -> BandMatch:
    """:func:`match_bands` with a target that must have every band.

    Parameters
    ----------
    source, target : sequence of str
        As in :func:`match_bands`.
    owner : str
        What has the bands ``source``, as the subject of the message: ``The model crops.model``.
    hint : str, optional
        What else to do, with ``{shared}`` for the names of the bands that are there.

    Returns
    -------
    BandMatch

    Raises
    ------
    InputError
        ``bands-differ``, naming the missing bands and those of the target.
    """
    match = match_bands(source, target)
    if not match.missing:
        return match
    unclear = f" {match.ambiguous[-1]}" if match.ambiguous else ""
    shared = [pair.source for pair in match.pairs]
    raise InputError(
        "bands-differ",
        f"{owner} has the bands {listed(source, MAX_LISTED)}, but the target has no "
        f"{listed(match.missing, MAX_LISTED)}, only {listed(target, MAX_LISTED) or 'bands without a name'}.",
        f"Correct the band names of its table{hint.format(shared=','.join(shared)) if shared else ''}.{unclear}",
    )


def adapt_target(bands: Sequence[StackBand], match: BandMatch) -> tuple[list[StackBand], tuple[str, ...]]:
    """The target's raster bands that are used, under the source's names.

    Parameters
    ----------
    bands : sequence of StackBand
        Of the target.
    match : BandMatch

    Returns
    -------
    bands : list of StackBand
        One from which only an index is computed keeps a name that says its wavelength.
    indices : tuple of str
        Names of the indices to compute from them.
    """
    names: dict[str, list[str]] = {}
    for pair in match.pairs:
        if pair.how != COMPUTED:
            names.setdefault(pair.target, []).append(pair.source)
    common = common_names([b.band for b in bands if b.band])
    taken = {pair.source for pair in match.pairs}
    for pair in match.pairs:
        for name in pair.inputs:
            if name not in names:
                clear = str(common[name] or name).upper()
                names[name] = [name if name not in taken else clear]
    adapted = [replace(band, band=name) for band in bands for name in names.get(band.band or "", ())]
    return adapted, tuple(pair.source for pair in match.pairs if pair.how == COMPUTED)


def _by_name(name: str, target: Sequence[str], common: str | None, of: dict[str, str | None]) -> BandPair | None:
    """The band of this name, unless the two sensors mean different wavelengths by it."""
    for other in (name, *(t for t in target if t.casefold() == name.casefold())):
        if other in of and (common is None or of[other] is None or common == of[other]):
            return BandPair(name, other, SAME_NAME)
    return None


def _by_wavelength(name: str, common: str | None, of: dict[str, str | None], ambiguous: list[str]) -> BandPair | None:
    if common is None:
        return None
    candidates, how = [other for other in of if of[other] == common], SAME_WAVELENGTH
    if not candidates and common in NEAR:
        candidates, how = [other for other in of if of[other] == NEAR[common]], NEAR_WAVELENGTH
    loose = LOOSE.get(name.upper(), ())
    others = [other for other in of if of[other] in loose and other not in candidates]
    usual = f"{COMMON[common][0]} nm is what most sensors call {name}"
    if not candidates:
        if others:
            ambiguous.append(f"{name} of the source may be {' or '.join(others)} of the target, but {usual}.")
        return None
    if len(candidates) > 1:
        ambiguous.append(
            f"{name} of the source may be {' or '.join(candidates)} of the target, which show the same wavelength: "
            "remove one of them from the table."
        )
        return None
    if others:
        ambiguous.append(
            f"{name} of the source may be {candidates[0]} or {' or '.join(others)} of the target: "
            f"{candidates[0]} is used, since {usual}."
        )
    return BandPair(name, candidates[0], how)


def _by_formula(name: str, target: Sequence[str]) -> BandPair | None:
    index = index_name(name)
    if index is None:
        return None
    stored = next((other for other in target if index_name(other) == index), None)
    if stored:
        return BandPair(name, stored, SAME_NAME)
    inputs = bands_of_index(index, target)
    return BandPair(name, INDICES[index].formula, COMPUTED, tuple(inputs.values())) if inputs else None


def _unclear(name: str, role: str) -> list[str]:
    meanings = possible_meanings(name)
    if not meanings:
        return []
    return [f"{name} of the {role} may be {' or '.join(meanings)}: rename it to a word such as RED or SWIR16."]
