"""Where the saved files of a crawl go: a folder, or a bucket; and what the master does there."""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Callable

from acrawl.job import Job
from acrawl.master.plan import Plan
from acrawl.results.catalog import Catalog
from acrawl.results.cloud.address import Address
from acrawl.results.files.folder import FolderStore
from acrawl.results.files.objects import Objects
from acrawl.results.files.partials import Partials
from acrawl.results.files.template import NameTemplate
from acrawl.results.files.uploads import Taking, Uploads


class InFolder:
    """A folder, which workers that see it write to themselves. All of it blocks.

    ``where`` is what workers are told, ``uploads`` takes what they send.
    """

    def __init__(self, folder: pathlib.Path, plan: Plan) -> None:
        self._folder = folder.resolve()
        self._given = plan.files is not None
        self.where = str(self._folder)
        self.uploads: Taking = Uploads(self._folder, plan.settings.fetch.max_file)

    def prepare(self) -> None:
        """Say what stands in the way of saving; clear away what killed workers left. Raises `EnvironmentProblem`."""
        if self._given:
            store = FolderStore(self._folder)
            try:
                store.prepare()
            finally:
                store.close()
        self.sweep()

    def catalog(self, database: pathlib.Path, *, named: bool, template: NameTemplate, since: float) -> Catalog:
        """Open the catalog of what is saved there, for a visit. Raises `FolderProblem`, `VersionMismatch`."""
        return Catalog(database, self._folder, named=named, template=template, since=since)

    def sweep(self) -> None:
        """Clear away what killed workers left half-written, and cut downloads that nobody went on with."""
        Objects(self._folder).sweep()
        Partials(self._folder).sweep()

    def publish(self, make: Callable[[], object]) -> None:
        """Let the whole be made there. Raises `CrawlFailed`."""
        make()

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self.uploads.close()


class InBucket:
    """A prefix in a bucket, which all workers write to themselves. All of it blocks. See `InFolder`.

    What belongs to the job beside it: ``JOB/staged``, the name below which its workers put what they save, the same
    after --fresh; ``JOB/published``, where what is made of the whole is rendered.
    """

    def __init__(self, address: Address, plan: Plan, job: Job) -> None:
        """Raises `MissingExtra`, `EnvironmentProblem`."""
        from acrawl.results.cloud.bucket import Bucket
        from acrawl.results.cloud.tree import BucketTree

        self._bucket = Bucket(address, plan.settings.cloud)
        staged = f".objects/{_name_of(job.folder / 'staged')}"
        self._tree = BucketTree(self._bucket, staged)
        self._rendered = job.folder / "published"
        self.where = address.below(staged).url
        self.uploads: Taking | None = None

    def prepare(self) -> None:
        """See `InFolder.prepare`. What lies there may have been reported and not yet delivered: it stays."""
        self._bucket.probe("--files")

    def catalog(self, database: pathlib.Path, *, named: bool, template: NameTemplate, since: float) -> Catalog:
        """See `InFolder.catalog`."""
        from acrawl.results.cloud.known import Known

        catalog = Catalog(database, self._rendered, named=named, template=template, shelf=self._tree, since=since)
        self.uploads = Known(database)
        return catalog

    def sweep(self) -> None:
        """Delete what nobody reported: no worker is there any more, and all is delivered. Raises `CrawlFailed`."""
        self._tree.sweep()

    def publish(self, make: Callable[[], object]) -> None:
        """Let the whole be made in the job's folder, and bring it there. Raises `CrawlFailed`."""
        from acrawl.results.cloud.site import bring

        bring(self._bucket, self._rendered, make)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        if self.uploads is not None:
            self.uploads.close()
        self._bucket.close()


def _name_of(path: pathlib.Path) -> str:
    """A name that nobody else has, and that stays this job's."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        new = path.with_name(path.name + ".new")
        new.write_text(secrets.token_hex(6), encoding="ascii")
        os.replace(new, path)
        return path.read_text(encoding="ascii")
