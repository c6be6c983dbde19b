"""Rows of an array in an archive are those of the plain array, whatever its form, and damage is told."""

import io
import zipfile

import numpy as np
import pytest

from engine.errors import InputError
from engine.series import archive, read_series
from engine.series.archive import Archive
from tests.helpers.facts import lacking

SAVE = {"uncompressed": np.savez, "compressed": np.savez_compressed}


@pytest.fixture(params=list(SAVE))
def save(request):
    """Writes an archive in one of its forms."""
    return SAVE[request.param]


def numbers(dtype, order="C"):
    rng = np.random.default_rng(0)
    return np.asarray(rng.integers(-3000, 3000, (500, 7, 3)), dtype, order=order)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2", "|u1", ">i8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("block", [1, 1000, 10**6])
def test_rows_are_those_of_the_plain_array(save, tmp_path, monkeypatch, dtype, order, block):
    monkeypatch.setattr(archive, "BLOCK_BYTES", block)
    save(tmp_path / "s.npz", X=numbers(dtype, order), bands=["A"])
    plain = np.load(tmp_path / "s.npz")["X"].astype(np.float32)
    with Archive(tmp_path / "s.npz") as file:
        for index in (np.arange(500), np.array([3, 4, 499]), np.array([77, 2, 300, 2]), np.zeros(0, np.int64)):
            rows = file.rows("X", index)
            np.testing.assert_array_equal(rows, plain[index])
            assert rows.dtype == np.float32 and rows.flags.c_contiguous
        assert file.header("X").shape == (500, 7, 3) and "group" not in file


def test_an_archive_of_a_later_format_behind_other_bytes_is_read(tmp_path):
    """As a self-extracting archive is: every place in it is counted from where the archive begins."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as file:
        for key, array in (("other", np.zeros(3)), ("X", numbers("<f4"))):
            with file.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, version=(2, 0))
    (tmp_path / "s.npz").write_bytes(b"#!/bin/sh\n" * 7 + stored.getvalue())
    with Archive(tmp_path / "s.npz") as file:
        np.testing.assert_array_equal(file.rows("X", np.array([8, 1])), numbers("<f4")[[8, 1]])


def fields(**changes):
    return {"X": numbers("<f4"), "doy": np.arange(7) + 1, "bands": ["A", "B", "C"], **changes}


def refused(path):
    with pytest.raises(InputError) as error:
        read_series(path)
    assert error.value.code == "series-unreadable" and path.name in error.value.message
    return error.value.message.partition(path.name)[2]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_file_cut_off_anywhere_is_refused(save, tmp_path, share):
    path = tmp_path / "s.npz"
    save(path, **fields())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path)


def test_damage_in_the_values_is_noticed_though_few_are_taken(save, tmp_path):
    path = tmp_path / "s.npz"
    save(path, **fields(y=np.zeros(500, int), class_names=["maize"]))
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("X.npy")
    content = bytearray(path.read_bytes())
    content[info.header_offset + info.compress_size // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_series(path, most=2)
    assert error.value.code == "series-unreadable" and path.name in error.value.message


def with_member(path, key, content, change=lambda info: None):
    """A series file whose array ``key`` has this content in the archive."""
    np.savez(path, **{name: array for name, array in fields().items() if name != key})
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(f"{key}.npy", content)
        change(file.infolist()[-1])


def npy(array):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array))
    return content.getvalue()


def test_an_array_shorter_than_its_header_claims_is_refused(tmp_path):
    for key in ("X", "doy", "bands"):
        with_member(tmp_path / "s.npz", key, npy(fields()[key])[:-1])
        assert not lacking(refused(tmp_path / "s.npz"), key)


def test_what_is_no_array_or_locked_is_refused(tmp_path):
    with_member(tmp_path / "s.npz", "X", b"no array")
    refused(tmp_path / "s.npz")
    with_member(tmp_path / "s.npz", "X", npy(fields()["X"]).replace(b"NUMPY\x01", b"NUMPY\x09"))
    assert not lacking(refused(tmp_path / "s.npz"), "9.0")

    def lock(info):
        info.flag_bits |= 1

    with_member(tmp_path / "s.npz", "X", npy(fields()["X"]), lock)
    assert not lacking(refused(tmp_path / "s.npz"), "X")


def test_keys_that_are_not_used_are_not_read(tmp_path):
    """Neither what they hold nor how they are written matters."""
    with_member(tmp_path / "s.npz", "notes", b"a table in words")
    assert len(read_series(tmp_path / "s.npz")) == 500
