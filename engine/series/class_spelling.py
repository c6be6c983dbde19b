"""Class names as people write them: texts that mean nothing, and spellings of one class.

Two names are spellings of one class where they differ only in case, blanks, hyphens, underscores, accents, in how their
characters are encoded (Unicode forms, full width), in a plural ending, or as numbers (``1`` and ``1.0``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

NOTHING = frozenset(
    ("", "nan", "null", "none", "nil", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "<null>", "<none>", "(null)")
    + ("-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "_", "nat", "nodata", "no data", "no-data", "no_data")
)
"""Texts that mean that there is no class, in lower case."""
PLURALS = ("s", "es", "n", "en")
"""Endings that make a plural in English, French, Spanish, Portuguese, Dutch and German."""
SHORTEST = 3
"""Letters of a word that may have a plural, at least: shorter ones are codes."""


@dataclass(frozen=True)
class ClassNames:
    """The class that each name becomes."""

    of: Mapping[str, str]
    """Class by name; empty for a name that means nothing."""
    nothing: Mapping[str, int]
    """How many samples have each text that means nothing."""
    merged: Mapping[str, Mapping[str, int]]
    """Spellings of each class with their numbers of samples, where there are several."""

    def warnings(self, where: str, kept_by: str) -> list[str]:
        """Sentences about what was left out and merged.

        Parameters
        ----------
        where : str
            What holds the names.
        kept_by : str
            What keeps spellings apart, as the subject of a sentence.
        """
        found = []
        if self.nothing:
            texts = ", ".join(f"'{text}'" + _shown(count) for text, count in self.nothing.items())
            found.append(f"Texts of {where} that mean no class are left out: {texts}. A class table keeps them.")
        for name, spellings in self.merged.items():
            texts = ", ".join(text + _shown(count) for text, count in spellings.items())
            found.append(f"Spellings of one class in {where} become '{name}': {texts}. {kept_by} keeps them apart.")
        return found


def _shown(count: int) -> str:
    return f" ({count:,})" if count else ""


def means_nothing(name: str) -> bool:
    """Whether a text says that there is no class.

    Parameters
    ----------
    name : str
    """
    return " ".join(unicodedata.normalize("NFKC", name).split()).casefold() in NOTHING


def spelling_key(name: str) -> str:
    """What all spellings of a name have in common, but for the plural.

    Parameters
    ----------
    name : str
    """
    number = re.fullmatch(r"([+-]?)0*(\d+)(?:[.,]0+)?", name.strip())
    if number:
        return number.group(1).replace("+", "") + number.group(2)
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    # Accents of Latin, Greek and Cyrillic only: in other scripts marks are vowels.
    text = "".join(character for character in text if not "\u0300" <= character <= "\u036f")
    # Between digits a separator says something: 1-1 is not 11.
    text = re.sub(r"(?<=\d)[\s\-_\u2010-\u2015.]+(?=\d)", "|", text)
    return re.sub(r"[\s\-_\u2010-\u2015.'\u2019`]+", "", text) or name


def tidy_names(counts: Mapping[str, int], fixed: Collection[str] = (), keep: bool = False) -> ClassNames:
    """Find the names that mean nothing, and one name for all spellings of a class.

    Parameters
    ----------
    counts : mapping of str to int
        Samples of each name.
    fixed : collection of str, optional
        Classes that a person named: they stay as they are, and other spellings become them.
    keep : bool, optional
        Whether spellings stay apart.
    """
    nothing = {name: count for name, count in counts.items() if means_nothing(name)}
    named = [name for name in counts if name not in nothing]
    of = {**dict.fromkeys(nothing, ""), **{name: name for name in named}}
    merged: dict[str, dict[str, int]] = {}
    for group in [] if keep else _groups([*dict.fromkeys([*fixed, *named])]):
        # The most frequent spelling; of equally frequent ones the one that looks most like a name.
        known = [name for name in group if name in fixed] or group
        best = min(known, key=lambda name: (-counts.get(name, 0), name != name.strip(), name.isupper(), name))
        others = [name for name in group if name not in fixed]
        if len(group) > 1 and others:
            chosen = best.strip() or best
            of.update(dict.fromkeys(others, chosen))
            merged[chosen] = {n: counts[n] for n in sorted(group, key=lambda n: -counts.get(n, 0)) if n in counts}
    return ClassNames(of, nothing, {name: own for name, own in merged.items() if len({*own, name}) > 1})


def match_names(names: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Find the known class of which a name is another spelling.

    Parameters
    ----------
    names : collection of str
        Classes of one set of samples.
    known : collection of str
        Classes of another.

    Returns
    -------
    dict of str to str
        Known class by name, for names that are not known themselves and whose known class is not among the names.
    """
    found = {}
    for group in _groups(dict.fromkeys([*known, *names])):
        targets = [name for name in group if name in known and name not in names]
        own = [name for name in group if name in names and name not in known]
        if len(targets) == 1 and len(own) == 1:
            found[own[0]] = targets[0]
    return found


def matched_sentence(found: Mapping[str, str], where: str) -> list[str]:
    """A sentence about names that are taken for other spellings; none where there are none.

    Parameters
    ----------
    found : mapping of str to str
        As from :func:`match_names`.
    where : str
        What holds the names.
    """
    pairs = ", ".join(f"{name} is {known}" for name, known in found.items())
    return [f"Spellings of one class: in {where}, {pairs}."] if found else []


def _groups(names: Iterable[str]) -> list[list[str]]:
    """Names that are spellings of one class, together."""
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(spelling_key(name), []).append(name)
    for key in sorted(by_key, key=len):
        word = re.search(r"[^\W\d_]+$", key)
        if key not in by_key or word is None or len(word.group()) < SHORTEST:
            continue
        plurals = [key + ending for ending in PLURALS if ending != "n" or key[-1] in "elr"]
        plurals += [key[:-1] + "ies"] if key.endswith("y") else []
        for plural in plurals:
            if plural in by_key and plural != key:
                by_key[key] += by_key.pop(plural)
    return list(by_key.values())
