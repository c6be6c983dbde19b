"""The years that labels are of, by a field of years or dates: those of another year than a stack teach wrong series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from .table_coordinates import column_words

YEAR_WORDS = frozenset(
    "year yr jahr annee an ano anio anno jaar rok campaign campagne campana season saison safra temporada kampagne "
    "millesime erntejahr antragsjahr wirtschaftsjahr".split()
)
DATE_WORDS = frozenset("date datum fecha data day dates".split())
BESIDE = frozenset(
    "harvest crop cropping ref reference survey observation obs observed sampling sample label field valid validity "
    "growing agricultural of de du des la le the ernte cosecha colheita recolte releve gt".split()
)
"""Words beside them in the name of such a field. Of others, such as planted or created, the labels may be long before
or after their year."""
YEAR = re.compile(r"(?<!\d)((?:19[5-9]|20\d)\d)(?:[01]\d[0-3]\d(?:T?\d{6})?)?(?!\d)")
"""A year, alone or in front of month and day."""
SEASON = re.compile(r"(?<!\d)((?:19[5-9]|20\d)\d) ?[/_-] ?(\d{2})(?![\d/._-])")
"""A season over two years, such as 2020/21."""


def year_field(names: Sequence[str]) -> int | None:
    """The field by whose name the year of a label is known; a year is taken before a date.

    Parameters
    ----------
    names : sequence of str
        Names of all fields.

    Returns
    -------
    int or None
        Its position; None where no name says so.

    Examples
    --------
    >>> year_field(["crop", "survey_date", "harvestYear"])
    2
    >>> year_field(["crop", "year_planted"]) is None
    True
    """
    for wanted in (YEAR_WORDS, DATE_WORDS):
        for number, name in enumerate(names):
            words = column_words(name)
            if words & wanted and words <= wanted | BESIDE:
                return number
    return None


def years_of(text: str) -> frozenset[int]:
    """The years that a text names, both of a season such as 2020/21; empty where it names none.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> sorted(years_of("2020/21")), sorted(years_of("2021-07-03")), sorted(years_of("20210703"))
    ([2020, 2021], [2021], [2021])
    """
    found = {int(year) for year in YEAR.findall(text)}
    for year, short in SEASON.findall(text):
        following = int(year) + 1
        if following % 100 == int(short):
            found.add(following)
    return frozenset(found)


class LabelYears:
    """Which labels are of the years of a stack.

    Where some are and others are not, the others are left out; where none is, or a filter names the field, all stay.

    Parameters
    ----------
    field : str
        The field of years.
    found : Counter of frozenset of int
        Labels by the years that they are of; an empty set for those without.
    dates : sequence of str
        ISO dates of the stack.
    chosen : bool
        Whether the user has chosen by this field already, by a filter.
    """

    def __init__(self, field: str, found: Counter[frozenset[int]], dates: Sequence[str], chosen: bool) -> None:
        self._field = field
        self._years = frozenset(range(int(dates[0][:4]), int(dates[-1][:4]) + 1)) if dates else frozenset()
        known = Counter({years: count for years, count in found.items() if years})
        # A few numbers that look like years do not make a field of years.
        usable = self._years and not chosen and 2 * sum(known.values()) > sum(found.values())
        self._others = [years for years in known if not years & self._years] if usable else []
        self._all = len(self._others) == len(known) > 0

    @property
    def reason(self) -> str:
        """Why labels are left out, as of :class:`.lost_labels.LostLabels`."""
        others = _span(year for years in self._others for year in years)
        return f"of another year ({others}, field '{self._field}') than the stack ({_span(self._years)})"

    @property
    def hint(self) -> str:
        """How all labels are used."""
        return f'name the field in the filter, as in "{self._field}" IS NOT NULL'

    def wanted(self, text: str) -> bool:
        """Whether a label is used.

        Parameters
        ----------
        text : str
            Of the field.
        """
        years = years_of(text)
        return self._all or not years or not self._others or bool(years & self._years)

    def warnings(self, layer: str) -> list[str]:
        """A sentence for the user where years differ.

        Parameters
        ----------
        layer : str
            Name of the labels.
        """
        if not self._others:
            return []
        if self._all:
            return [
                f"All labels of {layer} are {self.reason}: their crops may have changed since. "
                "Use labels of the stack's year."
            ]
        return [f"Labels of {layer} that are {self.reason} are left out. To use them as well, {self.hint}."]


def _span(years: Iterable[int]) -> str:
    ordered = sorted(set(years))
    return f"{ordered[0]}" if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
