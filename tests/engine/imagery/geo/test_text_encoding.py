"""The encoding of a few short names, found from their bytes alone."""

from __future__ import annotations

import pytest

from engine.imagery.geo.text_encoding import TextDecoder, raw_bytes

NAMES = {
    "gbk": ("\u5c0f\u9ea6", "\u7389\u7c73"),
    "cp932": ("\u5c0f\u9ea6", "\u3068\u3046\u3082\u308d\u3053\u3057"),
    "big5": ("\u5c0f\u9ea5", "\u7389\u7c73"),
    "cp949": ("\ubc00", "\uc625\uc218\uc218"),
    "cp1250": ("pszenica \u015b", "kukurydza \u017c"),
    "iso8859_2": ("pszenica \u015b", "\u017eito"),
    "cp1251": ("\u043f\u0448\u0435\u043d\u0438\u0446\u0430", "\u043a\u0443\u043a\u0443\u0440\u0443\u0437\u0430"),
    "koi8_r": ("\u043f\u0448\u0435\u043d\u0438\u0446\u0430", "\u043a\u0443\u043a\u0443\u0440\u0443\u0437\u0430"),
    "cp866": ("\u043f\u0448\u0435\u043d\u0438\u0446\u0430", "\u043a\u0443\u043a\u0443\u0440\u0443\u0437\u0430"),
    "cp1252": ("bl\u00e9", "ma\u00efs"),
    "cp850": ("bl\u00e9", "ma\u00efs"),
    "cp1253": ("\u03c3\u03b9\u03c4\u03ac\u03c1\u03b9", "\u03ba\u03b1\u03bb\u03b1\u03bc\u03c0\u03cc\u03ba\u03b9"),
    "cp1254": ("bu\u011fday", "m\u0131s\u0131r \u015f"),
}


@pytest.mark.parametrize("encoding", NAMES)
def test_two_names_tell_their_encoding(encoding):
    raw = [name.encode(encoding) for name in NAMES[encoding]]
    decoder = TextDecoder([b"plain", *raw])
    assert [decoder.decode(text) for text in raw] == list(NAMES[encoding])
    assert decoder.encoding and not decoder.fails and decoder.decode(b"plain") == "plain"


def test_utf_8_needs_no_guess_and_noise_has_no_encoding():
    decoder = TextDecoder(["ma\u00efs".encode(), b"wheat"])
    assert decoder.encoding is None and not decoder.fails and decoder.decode("ma\u00efs".encode()) == "ma\u00efs"
    assert TextDecoder([bytes(range(0x80, 0x100))]).fails


def test_bytes_survive_what_gdal_makes_of_them():
    assert raw_bytes(b"bl\xe9") == raw_bytes("bl\udce9") == b"bl\xe9"
