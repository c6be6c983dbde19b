"""Rasters beside the imagery of a folder that are none: quality, angles, counts, previews, other corrections.

A quality band that is understood masks pixels; every other auxiliary raster is left out, with a note that names it.
Files that a person chose one by one are never left out here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ...errors import listed
from ..geo.gdal_io import file_name
from ..geo.types import StackBand
from ..sensors.band_names import parse_date, standard_name
from ..sensors.quality_flags import is_quality
from ..sensors.spectral_indices import index_name
from .raster_bands import stem_of

AUXILIARY = re.compile(
    r"(?<![a-z\d])(?:"
    r"qc\w*|quality\w*|qa_radsat|radsat|st_qa|sr_qa_aerosol|qa|aerosol\w*|aot|wvp|water_?vapou?r|cloud_?cover|"
    r"day_of_(?:the_)?year|composite_day\w*|sur_refl_day\w*|"
    r"\w*zenith\w*|\w*azimuth\w*|\w*angles?|sur_refl_(?:szen|vzen|raz)\w*|[sv][az]a|vzn|"
    r"hot|dst|cld|ovv|atb|sat|iab|qlt|edg|usi|wgt|clearob|totalob|provenance|n_?obs|num_?obs|counts?|observations?|"
    r"\w*confidence|q_?flags?\d?|uncertainty|unc|std(?:dev)?|stdev|errors?|sigma|rmse|"
    r"preview|quick_?look|browse|thumb(?:nail)?s?|overview|tci|pvi|(?:true|false)_?colou?r|rgb|"
    r"dem|srtm|elevation|slope|aspect|hillshade|probability|cldprb|snwprb|emis|emsd|drad|trad|urad|atran|cdist|asd|geom"
    r")(?![a-z\d])",
    re.IGNORECASE,
)
"""Words in names of files that show no surface."""
BESIDE = re.compile(
    r"(?<![a-z\d])(?:msk|\w*footprint|uncertainty|unc|std(?:dev)?|stdev|confidence|defective|saturated|nodata|n_?obs)"
    r"(?![a-z\d])",
    re.IGNORECASE,
)
"""Words beside the name of a band that its file is about it and does not hold it, where another file does."""
CORRECTIONS = (("FRE", "SRE"), ("BOA", "TOA"), ("L2A", "L1C"), ("SR", "TOA"))
"""Two corrections of one scene in the names of products: the first is taken."""
FEW = 0.5
"""Share of the dates of the most complete band below which another band is left out."""


def leave_out_auxiliary(bands: Sequence[StackBand], name: str) -> tuple[list[StackBand], list[str]]:
    """The bands of the files of a folder that belong to its imagery.

    Parameters
    ----------
    bands : sequence of StackBand
        Of files that nobody chose one by one.
    name : str
        Of the folder, for the notes.

    Returns
    -------
    bands : list of StackBand
    notes : list of str
        Sentences about what is left out.
    """
    of_file: dict[str, list[StackBand]] = {}
    for band in bands:
        of_file.setdefault(band.path, []).append(band)
    whole = [path for path, own in of_file.items() if all(b.date and _is_known(b.band) for b in own)]
    if not [path for path in whole if not all(is_quality(b.band) for b in of_file[path])]:
        return list(bands), []
    left_out = {path: "no imagery" for path in of_file if path not in whole and _is_auxiliary(path, of_file[path])}
    left_out |= dict.fromkeys(_beside_bands(of_file, whole), "no imagery")
    left_out |= dict.fromkeys(_other_corrections(of_file, whole), "another correction of the same scene")
    strangers = [path for path in of_file if path not in whole and path not in left_out]
    if len(strangers) < len(whole):
        left_out |= dict.fromkeys(strangers, "no recognised date or band")
    kept = [band for band in bands if band.path not in left_out]
    rare = _rare_bands(kept)
    notes = [
        f"{name}: {listed([file_name(path) for path, own in left_out.items() if own == why])} left out: {why}."
        for why in dict.fromkeys(left_out.values())
    ]
    if rare:
        notes.append(f"{name}: the bands {', '.join(rare)} are left out: most dates do not have them.")
    return [band for band in kept if band.band not in rare], notes


def _is_known(name: str | None) -> bool:
    return bool(name) and (standard_name(str(name)) is not None or bool(index_name(str(name))))


def _is_auxiliary(path: str, bands: Sequence[StackBand]) -> bool:
    """Whether the name of a file says that it shows no surface; a quality band that is understood stays."""
    if all(is_quality(band.band) for band in bands):
        return False
    return AUXILIARY.search(_plain_stem(path)) is not None


def _plain_stem(path: str) -> str:
    """The name of a file without its date, with underscores between words."""
    return re.sub(r"[\s.-]+", "_", parse_date(stem_of(path))[1])


def _beside_bands(of_file: dict[str, list[StackBand]], paths: Sequence[str]) -> list[str]:
    """Files that are about a band, such as its footprint, where another file of the date holds the band."""
    about = [path for path in paths if BESIDE.search(_plain_stem(path))]
    held: set[tuple[str | None, str | None]] = set()
    for path in set(paths) - set(about):
        held |= _shown(of_file[path])
    return [path for path in about if _shown(of_file[path]) <= held]


def _other_corrections(of_file: dict[str, list[StackBand]], paths: Sequence[str]) -> list[str]:
    """Files of a correction whose better one is there, too."""
    found = []
    stems = {stem_of(path): path for path in paths}
    for first, second in CORRECTIONS:
        for stem, path in stems.items():
            better = re.sub(rf"(?<![A-Za-z\d]){second}(?![A-Za-z\d])", first, stem)
            if better != stem and better in stems and _shown(of_file[stems[better]]) == _shown(of_file[path]):
                found.append(path)
    return found


def _shown(bands: Sequence[StackBand]) -> set[tuple[str | None, str | None]]:
    return {(band.date, band.band) for band in bands}


def _rare_bands(bands: Sequence[StackBand]) -> list[str]:
    """Names of bands that few dates have, where another band is on nearly all."""
    dates: dict[str, set[str | None]] = {}
    for band in bands:
        if not is_quality(band.band):
            dates.setdefault(str(band.band), set()).add(band.date)
    counts = Counter({name: len(own) for name, own in dates.items()})
    most = max(counts.values(), default=0)
    return [name for name, count in counts.items() if count < FEW * most]
