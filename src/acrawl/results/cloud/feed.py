"""A feed in a bucket: an ordinary exact feed in the job's folder, whose files are uploaded when they are whole.

So what holds for files holds up to the object: every item once, whatever is killed. The object is replaced whole, when
the crawl ends or pauses; with ``{batch}`` each file follows as soon as the marks behind it are recorded, for until then
a crash would write it again. The mark says how many of them are there for good; those need not lie here any more.
"""

from __future__ import annotations

import os
import pathlib
import posixpath
from collections.abc import Callable, Mapping, Sequence

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.results.base import Feed, Row, Unfit
from acrawl.results.cloud.address import Address
from acrawl.results.cloud.bucket import Bucket
from acrawl.results.feeds.paths import BEGAN, Crawl
from acrawl.results.feeds.spec import Spec
from acrawl.results.feeds.template import Template, read


class BucketFeed:
    """See `acrawl.results.base.Feed`. Exact where the feed inside is.

    ``names`` are those of its files and of their keys. ``uploaded`` is the last that is uploaded for good.
    """

    def __init__(
        self, name: str, inside: Feed, bucket: Bucket, names: tuple[Template, Template], uploaded: int
    ) -> None:
        self.name = name
        self._inside = inside
        self._bucket = bucket
        self._here, self._there = names
        self._uploaded = self._recorded = uploaded
        self._last = uploaded + 1
        for path in self._here.behind(0) if self._here.form is not None else ():
            self._remove_recorded(path)

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`. Uploads the files that have been ended."""
        self._follow()
        return self._inside.write(rows)

    def commit(self) -> dict[str, int]:
        """See `acrawl.results.base.Feed.commit`."""
        marks = dict(self._inside.commit())
        self._last = marks.get(f"{self._inside.name}:batch", 1)
        self._recorded = self._uploaded
        return marks | {uploaded_mark(self.name): self._uploaded}

    def finish(self) -> None:
        """Upload all that there is. See `acrawl.results.base.Feed.finish`."""
        self._follow()
        self._inside.finish()
        self._upload(self._last)

    def close(self) -> None:
        """See `acrawl.results.base.Feed.close`."""
        self._inside.close()
        self._bucket.close()

    def _follow(self) -> None:
        """Upload the files before the last one; the marks that say so of them are recorded by now."""
        for number in range(self._uploaded + 1, self._last):
            self._upload(number)
            self._remove_recorded(self._here.path(number - 1))
            self._uploaded = number

    def _upload(self, number: int) -> None:
        path = pathlib.Path(self._here.path(number))
        if self._here.form is None and not path.exists():  # nothing was written, and not all forms make empty files
            return
        try:
            self._bucket.put(posixpath.basename(self._there.path(number)), path)
        except CrawlFailed as error:  # the crawl ends; all of it is here, and is uploaded when it goes on
            raise CrawlFailed(
                f"the feed cannot be uploaded: {error}; it lies in {path}: mend that and resume"
            ) from None
        except OSError as error:  # as above
            raise CrawlFailed(f"the feed {self.name} cannot be uploaded: {path}: {error.strerror}") from None

    def _remove_recorded(self, path: str) -> None:
        """Remove a file that the bucket has for good."""
        number = path.removeprefix(self._here.before).removesuffix(self._here.after)
        if number.isdecimal() and int(number) <= self._recorded:
            pathlib.Path(path).unlink(missing_ok=True)


def opened(
    spec: Spec, marks: Mapping[str, int], crawl: Crawl, inside: Callable[[Spec, bool], Feed], *, overwrite: bool
) -> BucketFeed:
    """Go on with, or begin, a feed in a bucket; ``inside`` opens the one on disk and is told whether to overwrite.

    What is in the bucket and not from this job is refused, or replaced if ``overwrite``. Raises `UsageError`,
    `EnvironmentProblem`, and what ``inside`` raises.
    """
    address = spec.address
    assert address is not None
    if crawl.folder is None:
        raise UsageError(f"-o {spec.typed}: only a crawl writes into buckets; name a file")
    there = read(address.key, spec.typed, crawl.name, marks.get(BEGAN, 0))
    folder = crawl.folder.resolve() / "feeds" / address.scheme / address.bucket
    path = os.path.join(str(folder).replace("{", "{{").replace("}", "}}"), address.key)
    here = read(path, spec.typed, crawl.name, marks.get(BEGAN, 0))
    ours = uploaded_mark(spec.path) in marks
    bucket = Bucket(Address(address.scheme, address.bucket, posixpath.dirname(there.before)), crawl.cloud)
    try:
        bucket.probe("-o")
        if not ours:
            _make_room(bucket, spec, there, overwrite=overwrite)
        feed = inside(spec._replace(path=path, address=None), overwrite or not ours)
        return BucketFeed(spec.path, feed, bucket, (here, there), marks.get(uploaded_mark(spec.path), 0))
    except CrawlFailed as error:  # nothing has begun
        bucket.close()
        raise EnvironmentProblem(f"-o {error}") from None
    except BaseException:
        bucket.close()
        raise


def uploaded_mark(name: str) -> str:
    """The name of the mark that says how many files of a feed are in the bucket for good."""
    return f"{name}:uploaded"


def _make_room(bucket: Bucket, spec: Spec, there: Template, *, overwrite: bool) -> None:
    """Refuse objects that this job has not made, or delete those that no file of it may come to replace."""
    if there.form is None:
        key = posixpath.basename(there.path())
        taken = [key] if bucket.head(key) is not None else []
    else:
        taken = [found.key for found in bucket.names("") if _is_batch(there, bucket.address.below(found.key).key)]
    if taken and not overwrite:
        raise EnvironmentProblem(
            f"-o {spec.typed}: {bucket.address.below(taken[0]).url} is there already, and is not this job's: name "
            "another, write {time} into the name, or give --fresh to replace it"
        )
    if there.form is not None:
        bucket.delete(taken)


def _is_batch(there: Template, key: str) -> bool:
    number = key.removeprefix(there.before).removesuffix(there.after)
    return number.isdecimal() and there.path(int(number)) == key
