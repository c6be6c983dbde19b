"""Publishing the files of a job: all arrive or none, and earlier files are never lost."""

import os

import pytest

from engine.errors import InputError
from engine.tasks import Job, remove_parts
from engine.tasks.specs.search import Search
from engine.tasks.storage.partial_outputs import part_path, publish_parts


@pytest.fixture
def job(tmp_path):
    return Job(output=str(tmp_path / "map.tif"), target=(), confidence=str(tmp_path / "confidence.tif"))


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def write_parts(job, roles=("map", "style", "confidence")):
    for role in roles:
        part_path(job.outputs()[role], job.id).write_text(f"new {role}")


def test_a_new_map_takes_the_place_of_an_earlier_one_and_of_all_its_sidecars(job, tmp_path):
    for name in ("map.tif", "map.tif.aux.xml", "map.tif.ovr", "confidence.tif.aux.xml", "map.qml", "notes.txt"):
        (tmp_path / name).write_text("old")
    write_parts(job)
    part = part_path(job.output, job.id)
    part.with_name(part.name + ".aux.xml").write_text("new table")
    publish_parts(job, job.outputs())
    remove_parts(job)
    assert files(tmp_path) == {
        "map.tif": "new map",
        "map.tif.aux.xml": "new table",
        "map.qml": "new style",
        "confidence.tif": "new confidence",
        "notes.txt": "old",
    }


def test_earlier_files_come_back_when_one_cannot_be_replaced(job, tmp_path, monkeypatch):
    before = dict.fromkeys(("map.tif", "map.tif.aux.xml", "map.qml", "confidence.tif"), "old")
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    write_parts(job)
    replace = os.replace

    def held(source, place):
        if str(place).endswith("confidence.tif") and "part.tif" in str(source):
            raise PermissionError(13, "Permission denied")
        replace(source, place)

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(InputError) as error:
        publish_parts(job, job.outputs())
    assert error.value.code == "output-in-use" and "confidence.tif" in error.value.message
    remove_parts(job)
    assert files(tmp_path) == before


def test_a_job_killed_while_it_publishes_gives_the_earlier_file_back(job, tmp_path):
    (tmp_path / f".map.tif.{job.id}.part.before").write_text("old")
    write_parts(job)
    remove_parts(job)
    assert files(tmp_path) == {"map.tif": "old"}


def test_the_parts_of_another_job_in_the_same_folder_stay(job, tmp_path):
    other = Job(output=job.output, target=())
    write_parts(job)
    write_parts(other, ["map"])
    remove_parts(job)
    assert list(files(tmp_path).values()) == ["new map"]


def test_what_is_beside_a_folder_stays_when_the_folder_is_replaced(tmp_path):
    search = Search("https://a", ("c",), (0, 0, 1, 1), "2021-01-01", "2021-02-01", output=str(tmp_path / "s2"))
    for name in ("s2", "s2-journal"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    part_path(tmp_path / "s2", search.id).mkdir()
    publish_parts(search, ["stack"])
    remove_parts(search)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "s2",
        "s2-journal",
        "s2-journal/old",
    ]
