"""The mapping of a job: started or resumed, kept tile by tile, deleted when the map is published."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, unwritable
from ...imagery import MapWriter, Mask, Stack
from ...progress import Progress
from ..specs.job import Job
from ..storage.checkpoint import check_unchanged, delete_runs, fingerprint, unfinished_folder, unfinished_folders

if TYPE_CHECKING:
    from ...mapping import MapStatistics
    from ...mapping.tile_store import TileStore
    from ...models import TrainedModel
    from ...models.student import DistilledClassifier


class MapRun:
    """How the target of one job is mapped.

    Parameters
    ----------
    job : Job
        Already checked.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._folder = unfinished_folder(job)
        # Before anything is read: a file that changes meanwhile must not pass for what was read.
        self._fingerprint = fingerprint(job)
        self._journal: dict[str, Any] | None = None
        self._store: TileStore | None = None
        self._student: DistilledClassifier | None = None
        self.created = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        """Date of the run (UTC, ISO), written into the map; of a resumed run that of its start."""

    def resume_model(self, progress: Progress) -> TrainedModel | None:
        """The model of the interrupted run that this one resumes.

        Parameters
        ----------
        progress : Progress

        Returns
        -------
        TrainedModel or None
            None where the job starts over.

        Raises
        ------
        InputError
            ``resume-changed`` where a setting or an input file differs, ``unfinished-damaged``.
        """
        from ...mapping.tile_store import MODEL, read_journal
        from ...models import TrainedModel

        left = unfinished_folders(self._job.output)
        name = Path(self._job.output).name
        if not self._job.resume:
            if left:
                progress.warning(f"{name} has an unfinished run. This one starts over; resuming continues that one.")
            return None
        if not left:
            progress.warning(f"{name} has no unfinished run to resume. It starts over.")
            return None
        problems = []
        for folder in left:
            try:
                journal = read_journal(folder)
                if journal is None:
                    message = f"The unfinished run of {name} cannot be read."
                    raise InputError("unfinished-damaged", message, f"Delete the folder {folder} and start over.")
                check_unchanged(self._job, self._fingerprint, journal)
            except InputError as problem:
                problems.append(problem)
                continue
            self._folder, self._journal, self.created = folder, journal, str(journal["created"])
            return TrainedModel.load(folder / MODEL)
        # Where all are of other jobs, the newest is the one that the user means.
        raise problems[0]

    def map(self, model: TrainedModel, stack: Stack, mask: Mask | None, progress: Progress) -> None:
        """Map all tiles that are not finished yet.

        Parameters
        ----------
        model : TrainedModel
        stack : Stack
        mask : Mask or None
        progress : Progress
        """
        from ...mapping import TileMapper, map_tiles
        from ...mapping.tile_store import TileStore, load_student
        from ...models.device import core_count
        from ..cluster.dask_executor import map_on_cluster

        if self._journal is None:
            self._begin(model, stack, mask, progress)
        else:
            self._student = load_student(self._folder, self._journal)
        journal = self._journal or {}
        self._store = TileStore(self._folder, stack.grid, stack.windows(int(journal["window_bytes"])))
        progress.metric("mapping", {"way": journal["way"], **journal["figures"]})
        if self._job.dask or self._job.workers:
            map_on_cluster(self._job, self._store, progress)
        else:
            map_tiles(TileMapper.for_model(model, self._student, stack, mask), self._store, progress, core_count())

    def join(self, writer: MapWriter, progress: Progress) -> MapStatistics:
        """Write the tiles into the map.

        Parameters
        ----------
        writer : MapWriter
        progress : Progress

        Returns
        -------
        MapStatistics
        """
        from ...mapping import join_tiles

        return join_tiles(self._mapped(), writer, progress)

    def move_tiles(self, folder: str) -> None:
        """Move the tiles into a folder that becomes part of the map.

        Parameters
        ----------
        folder : str
        """
        self._mapped().move_rasters(Path(folder))

    def describe(self, statistics: MapStatistics) -> dict[str, Any]:
        """How the pixels got their classes.

        Parameters
        ----------
        statistics : MapStatistics

        Returns
        -------
        dict
            JSON-ready: ``way`` in words, its figures, and what the map itself showed of it.
        """
        journal = self._journal or {}
        described = {"way": journal["way"], **journal["figures"]}
        if statistics.checked:
            described["map_checked_pixels"] = statistics.checked
            described["map_agreement"] = round(statistics.agreed / statistics.checked, 4)
            described["map_asked"] = round(statistics.exact / max(statistics.mapped, 1), 4)
        return described

    def interrupted(self, keep: bool) -> None:
        """End a job early.

        Parameters
        ----------
        keep : bool
            Whether finished tiles stay.
        """
        if not (keep and self._store is not None and self._folder.is_dir() and self._store.finished()):
            delete_runs([unfinished_folder(self._job)] if self._store is None else [self._folder])

    def finished(self) -> None:
        """Delete what was kept for resuming."""
        delete_runs(unfinished_folders(self._job.output))

    def _mapped(self) -> TileStore:
        if self._store is None:
            raise ValueError("nothing was mapped")
        return self._store

    def _begin(self, model: TrainedModel, stack: Stack, mask: Mask | None, progress: Progress) -> None:
        from ...mapping.classifier_plan import plan_classifier
        from ...mapping.memory import window_bytes
        from ...mapping.tile_store import MODEL, STUDENT, flush_to_disk, write_journal

        job = self._job
        plan = plan_classifier(model, stack, mask, job.exact, job.seed, progress)
        self._student = plan.student
        journal = {
            **self._fingerprint,
            # For the workers of a cluster: the settings above hold neither the path of a mask nor that of the labels.
            "job": json.loads(job.to_json()),
            "created": self.created,
            "model_id": model.model_id,
            "way": plan.description,
            "figures": plan.metrics,
            "student": plan.student is not None,
            "season_start": f"{stack.first_day:%m-%d}",
            "window_bytes": window_bytes(job.memory, job.workers),
        }
        try:
            # A second run of a job must not reuse the tiles of its first.
            delete_runs([self._folder])
            self._folder.mkdir(exist_ok=True)
            model.save(self._folder / MODEL)
            if plan.student is not None:
                plan.student.save(self._folder / STUDENT)
            for file in self._folder.iterdir():
                flush_to_disk(file)
            # Last: a folder with a journal can be resumed.
            write_journal(self._folder, journal)
        except OSError as fault:
            raise unwritable(f"The folder of {job.output}", fault) from fault
        self._journal = journal
