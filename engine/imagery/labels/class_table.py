"""The class table: which name in the data becomes which class of the map, and which is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...errors import InputError, listed
from ...series.class_spelling import means_nothing, tidy_names
from .table import is_table, read_table

OTHERS = "*"
"""Means every name that is not listed in a class table."""
HEADERS = (
    {"name", "class", "old", "from", "value", "code", "crop"},
    {"new", "to", "wanted", "becomes", "class", "name", "new name", "new_name", "label"},
)
"""Words that make the first row of a file a heading, when both of its cells are among them."""


def mapped_class(name: str, classes: Mapping[str, str]) -> str:
    """The class that a name in the data becomes; empty when it is to be left out.

    Parameters
    ----------
    name : str
    classes : mapping of str to str
        The class table; empty to keep all names.
    """
    return classes.get(name, classes.get(OTHERS, name)) if classes else name


class ClassRules:
    """What each name in some labels becomes: by the class table, else tidied by :func:`tidy_names`.

    Parameters
    ----------
    table : mapping of str to str
        The class table; empty to keep all names.
    counts : mapping of str to int
        Features or pixels of each name in the data.
    keep_spellings : bool
        Whether spellings of one class stay classes of their own.

    Attributes
    ----------
    names : ClassNames
        What was tidied.
    """

    def __init__(self, table: Mapping[str, str], counts: Mapping[str, int], keep_spellings: bool) -> None:
        mapped = {name: mapped_class(name, table) for name in counts if name in table or not means_nothing(name)}
        # A class that the table names is as a person wants it.
        fixed = {table[name] for name in table if name != OTHERS and table[name]}
        left: Counter[str] = Counter()
        for name, count in counts.items():
            if (name not in table or table[name] not in fixed) and mapped.get(name, name):
                left[mapped.get(name, name)] += count
        self.names = tidy_names(left, fixed, keep_spellings)
        self._of = {name: own if name in table else self.names.of.get(own, own) for name, own in mapped.items()}

    def of(self, name: str) -> str:
        """The class of a name; empty where it has none.

        Parameters
        ----------
        name : str
            One of those counted.
        """
        return self._of.get(name, "")

    def warnings(self, where: str) -> list[str]:
        """Sentences about what was tidied; ``where`` as of :meth:`ClassNames.warnings`."""
        return self.names.warnings(where, "The option to keep spellings")


def require_known(classes: Mapping[str, str], names: Iterable[str], where: str) -> None:
    """Check that the data have the names of a class table.

    Parameters
    ----------
    classes : mapping of str to str
        The class table.
    names : iterable of str
        Names in the data.
    where : str
        What holds the data, for the message.

    Raises
    ------
    InputError
        ``class-unknown``.
    """
    there = sorted(set(names))
    unknown = [f"'{name}'" for name in classes if name != OTHERS and name not in there]
    if unknown:
        message = f"The class table names {', '.join(unknown[:10])}, which {where} does not have."
        raise InputError("class-unknown", message, f"Its classes are: {listed(there, 20)}." if there else "")


def read_class_table(entries: Sequence[str]) -> dict[str, str]:
    """A class table from texts.

    Parameters
    ----------
    entries : sequence of str
        Each a pair ``name=wanted``, several of them with ``;`` between, or the path of a table in text form with the
        columns name and wanted name, with or without a heading such as ``name,wanted``. An empty wanted name leaves
        the class out, ``*`` means all names that are not listed.

    Returns
    -------
    dict of str to str
        Name in the data -> wanted name.

    Raises
    ------
    InputError
        ``class-table`` for an entry that is neither, and for a name that is given two classes;
        ``vector-unreadable`` for a file that cannot be read.
    """
    table: dict[str, str] = {}
    for entry in entries:
        for name, wanted in _pairs(entry):
            if table.setdefault(name, wanted) != wanted:
                message = f"The class table makes '{name}' both '{table[name]}' and '{wanted}'."
                raise InputError("class-table", message, "Name it once.")
    return table


def _pairs(entry: str) -> list[tuple[str, str]]:
    if is_table(entry) and ("=" not in entry or Path(entry).is_file()):
        return _of_file(entry)
    pairs = []
    for part in filter(str.strip, entry.split(";")):
        name, equals, wanted = (piece.strip() for piece in part.partition("="))
        if not equals or not name:
            message = f"'{part.strip()}' is no entry of a class table."
            hint = "Write name=wanted name, name= to leave it out, or the path of a CSV file with these two columns."
            raise InputError("class-table", message, hint)
        pairs.append((name, wanted))
    return pairs


def _of_file(path: str) -> list[tuple[str, str]]:
    table = read_table(path)
    if len(table.header) != 2:
        message = f"The class table {Path(path).name} has {len(table.header)} columns."
        hint = "It takes two: the name in the data and the wanted name, empty to leave the class out."
        raise InputError("class-table", message, hint)
    heading = all(cell.lower() in words for cell, words in zip(table.header, HEADERS))
    rows = [*([] if heading else [table.header]), *table.rows]
    return [(name, wanted) for name, wanted in rows if name]
