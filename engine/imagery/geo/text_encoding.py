"""Texts of files that do not say in which encoding they are: guessed from all of them together, and reported.

Names of crops are short, so that detectors made for pages of text fail on them: charset-normalizer 3.0.1 finds 5 of the
13 encodings of two such names each that the tests of this module hold. Here each encoding in which every text can be
read is judged by how plausible its characters are as words: letters that are common in the languages written with it,
in one script and in the usual case, rather than symbols.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

COMMON = {
    "cp1252": "éèêëàâäáçôöóûüúùîïíñãõåæøœßÄÖÜÉÀÇÑÅØÓÁ",
    "cp1250": "ąćęłńóśźżčěňřšťůžýáéíúďőűäöüßŁŚŻČŠŽŘÁÉÖÜ",
    "iso8859_2": "ąćęłńóśźżčěňřšťůžýáéíúďőűäöüßŁŚŻČŠŽŘÁÉÖÜ",
    "cp1254": "ğışçöüİŞÇÖÜĞâ",
    "cp1257": "āčēģīķļņšūžąęėįųõäöüŠŽĀČĒŪ",
    "cp850": "éèêëàâäáçôöóûüúùîïíñåæøßÄÖÜÉãõ",
    "cp852": "ąćęłńóśźżčěňřšťůžýáéíúďőűäöüßŁŚŻČŠŽŘ",
}
"""Letters beyond ASCII that are common in the languages of an encoding with Latin letters, the likeliest first."""
CYRILLIC, GREEK = ("cp1251", "koi8_u", "cp866"), ("cp1253", "iso8859_7")
EAST_ASIAN = ("gbk", "big5", "cp932", "cp949")
OTHERS = ("cp1256", "cp1255", "cp874", "cp1258")
NAMES = {"gbk": "CP936 (GBK)", "big5": "CP950 (Big5)", "koi8_u": "KOI8-R", "iso8859_2": "ISO-8859-2"}
"""What encodings are called for people, and in a ``.cpg`` file."""


def raw_bytes(text: str | bytes) -> bytes:
    """The bytes of a text as GDAL gives it: what is not UTF-8 comes as bytes, or as unpaired surrogates.

    Parameters
    ----------
    text : str or bytes
    """
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def is_text(raw: bytes) -> bool:
    """Whether bytes are UTF-8.

    Parameters
    ----------
    raw : bytes
    """
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class TextDecoder:
    """Decodes the texts of one file.

    Parameters
    ----------
    texts : iterable of bytes
        All texts, or many of them.

    Attributes
    ----------
    encoding : str or None
        The encoding that was guessed; None where all texts are UTF-8, or none fits.
    fails : bool
        Whether some texts are in no encoding.
    """

    def __init__(self, texts: Iterable[bytes]) -> None:
        unknown = [text for text in dict.fromkeys(texts) if not is_text(text)]
        self.encoding = guess_encoding(unknown) if unknown else None
        self.fails = bool(unknown) and self.encoding is None

    @property
    def title(self) -> str:
        """Name of the encoding for people."""
        name = self.encoding or ""
        return NAMES.get(name, name.upper() + (f" (Windows-{name[2:]})" if name.startswith("cp125") else ""))

    def decode(self, raw: bytes) -> str:
        """The text of bytes; a character that cannot be read becomes U+FFFD.

        Parameters
        ----------
        raw : bytes
        """
        if self.encoding is None or is_text(raw):
            return raw.decode("utf-8", "replace")
        return raw.decode(self.encoding, "replace")


def guess_encoding(texts: Iterable[bytes]) -> str | None:
    """The likeliest encoding of texts that are not UTF-8; None where none fits.

    Parameters
    ----------
    texts : iterable of bytes
        Such as the class names of a layer.
    """
    raw = list(texts)
    best, most = None, 0.0
    for encoding in (*COMMON, *CYRILLIC, *GREEK, *EAST_ASIAN, *OTHERS):
        try:
            decoded = [text.decode(encoding) for text in raw]
        except UnicodeDecodeError:
            continue
        score = _plausibility(decoded, encoding)
        if score > most:
            best, most = encoding, score
    return best


def _plausibility(texts: Iterable[str], encoding: str) -> float:
    """Mean score of the characters beyond ASCII, at most about 1."""
    weigh = _weight(encoding)
    total, count = 0.0, 0
    for text in texts:
        for before, character in zip(" " + text, text):
            if character < "\x80":
                # A capital after a small letter is rare within a word.
                total -= 0.5 * (character.isupper() and before.islower())
                continue
            count += 1
            total += weigh(character)
            if character.isalpha() and before.isalpha():
                total -= 0.6 * (character.isupper() and before.islower())
                total -= 0.8 * (_script(character) != _script(before))
                # Letters with accents rarely stand side by side.
                total -= 0.7 * (encoding in COMMON and before >= "\x80")
    return total / count if count else 0.0


def _script(character: str) -> str:
    name = unicodedata.name(character, "?").split()[0]
    return "CJK" if name in ("HIRAGANA", "KATAKANA") else name


def _weight(encoding: str) -> Callable[[str], float]:
    """How plausible a character beyond ASCII is in a text of an encoding."""
    if encoding in COMMON:
        letters = COMMON[encoding]
        return lambda c: 1.0 if c in letters else -0.3 if c.isalpha() else -2.0
    if encoding in EAST_ASIAN:
        return lambda c: _east_asian(c, encoding)
    script = {**dict.fromkeys(CYRILLIC, "CYRILLIC"), **dict.fromkeys(GREEK, "GREEK")}.get(encoding, "")
    penalty = 0.0 if script else 0.3

    def weigh(character: str) -> float:
        if not character.isalpha() and unicodedata.category(character) != "Mn":
            return -2.0
        if script and _script(character) != script:
            return -1.0
        # Of two readings that differ in case only, the one in small letters.
        return 1.0 - 0.1 * character.isupper() - penalty

    return weigh


def _east_asian(character: str, encoding: str) -> float:
    raw = character.encode(encoding)
    if len(raw) < 2:
        return -1.0  # half-width katakana
    name = unicodedata.name(character, "")
    lead, trail = raw[0], raw[1]
    if name.startswith("CJK UNIFIED"):
        # The first level of each character set holds the common characters.
        level = {
            "gbk": 0xB0 <= lead <= 0xD7 and trail >= 0xA1,
            "big5": 0xA4 <= lead <= 0xC6,
            "cp932": 0x88 <= lead <= 0x97,
        }
        return -0.3 if encoding == "cp949" else 1.0 if level[encoding] else 0.2
    if name.startswith(("HIRAGANA", "KATAKANA")):
        return 1.0 if encoding == "cp932" else 0.0
    if name.startswith("HANGUL SYLLABLE"):
        return 1.05 if 0xB0 <= lead <= 0xC8 and trail >= 0xA1 else -0.3
    return -0.5
