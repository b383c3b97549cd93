"""Put an object into the tree of readable names: a hard link beside, never over, what is there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pathlib
import shutil
import stat
from collections.abc import Iterable, Sequence

from acrawl.results.files.objects import Objects, object_name
from acrawl.results.files.syncing import Syncer

#: How a filesystem says that it makes no hard links, or no more of them, or none across a border.
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
#: How a filesystem says that it cannot have a file of this name.
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR})
#: Folders that are synced together.
_TOGETHER = 64


class Tree:
    """The readable side of ``ROOT``. Blocking; one thread at a time. OSErrors other than those named are raised."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = pathlib.Path(root)
        self._root = os.fspath(self.root)
        self._objects = Objects(root)
        self._syncer = Syncer("acrawl-sync-folders")
        self._touched: set[str] = set()

    def expect(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Nothing: a disk answers at once."""

    def place(self, sha256: str, name: str) -> bool:
        """Make ``ROOT/<name>`` the object; True as well when a run that died had done so already.

        False means that the name is somebody else's or impossible here: try another. Raises FileNotFoundError when
        there is no such object.
        """
        source = object_name(self._root, sha256)
        target = f"{self._root}{os.sep}{name}"
        try:
            self._link(source, target)
        except FileExistsError:  # left by a run that died before its commit, or a file of the user's
            if not _same(pathlib.Path(source), pathlib.Path(target), sha256):
                return False
        except OSError as error:  # a name this filesystem cannot have: the caller tries another; the rest is raised
            if error.errno in _BAD_NAME:
                return False
            raise
        self._touch(f".objects/{sha256[:1]}")
        self._touch(name.rpartition("/")[0])
        return True

    def vacate(self, sha256: str, name: str) -> None:
        """Give a name up that was an object's; what stands there by now instead of it stays."""
        target = self.root / name
        with contextlib.suppress(FileNotFoundError):  # the name or the object is gone: there is nothing to give up
            if _same(pathlib.Path(object_name(self._root, sha256)), target, sha256):
                target.unlink()

    def bring_back(self, sha256: str, name: str) -> None:
        """Nothing: objects stay beside their names."""

    def missing(self, sha256: str) -> Exception | None:
        """Say what is wrong where there is no such object, and see to its being durable where there is."""
        try:
            os.stat(object_name(self._root, sha256))
        except (FileNotFoundError, ValueError) as error:  # told to whoever named it; others are not concerned
            return error
        self._touch(f".objects/{sha256[:1]}")
        return None

    def blocks(self, folder: str) -> bool:
        """Say whether something that is no folder stands where this folder should be."""
        try:
            return not stat.S_ISDIR((self.root / folder).stat().st_mode)
        except FileNotFoundError:
            return (self.root / folder).is_symlink()
        except OSError as error:  # a name this filesystem cannot have counts as taken; the rest is raised
            if error.errno in _BAD_NAME:
                return True
            raise

    def settle(self) -> None:
        """Make all names since the last call durable; called before the transaction that records them commits."""
        if os.name != "nt":  # Windows opens no directories
            folders = list(self._touched)
            for start in range(0, len(folders), _TOGETHER):
                self._sync(folders[start : start + _TOGETHER])
        self._touched.clear()

    def _sync(self, folders: Sequence[str]) -> None:
        descriptors: list[int] = []
        try:
            descriptors.extend(os.open(f"{self._root}{os.sep}{folder}", os.O_RDONLY) for folder in folders)
            for refusal in filter(None, self._syncer.sync(descriptors)):
                raise refusal
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def forget(self, needless: Iterable[str]) -> None:
        """Remove objects that have got no name and never will."""
        for sha256 in needless:
            with contextlib.suppress(OSError):  # it is of no use, and of no harm either
                os.unlink(object_name(self._root, sha256))

    def committed(self, digests: Iterable[str]) -> None:
        """Nothing: objects stay beside their names."""

    def close(self) -> None:
        """Remove what copies left. Idempotent."""
        self._syncer.close()
        self._objects.close()

    def _touch(self, folder: str) -> None:
        """Note the folders whose entries may be new: all from the file's up to the root, which is ``""``."""
        while folder not in self._touched:
            self._touched.add(folder)
            folder = folder.rpartition("/")[0]

    def _link(self, source: str, target: str) -> None:
        try:
            try:
                os.link(source, target)
            except FileNotFoundError:  # the folder is new, or there is no such object: a second failure tells
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.link(source, target)
        except FileExistsError:
            raise
        except OSError as error:  # no links here: a copy serves as well; anything else goes to the caller
            if error.errno not in _NO_LINKS:
                raise
            self._copy(source, target)

    def _copy(self, source: str, target: str) -> None:
        """Copy beside and rename: a torn copy never stands under a readable name."""
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        temporary = self._objects.temporary()
        try:
            with open(source, "rb") as old, open(temporary, "xb") as new:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
                os.fsync(new.fileno())
            os.replace(temporary, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)


def _same(source: pathlib.Path, target: pathlib.Path, sha256: str) -> bool:
    """Say whether the file that stands there is the object: the same inode, or the same bytes. Follows no symlink."""
    try:
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):  # it is one of its folders that is taken
        return False
    wanted = source.stat()
    if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
        return True
    if not stat.S_ISREG(found.st_mode) or found.st_size != wanted.st_size:
        return False
    with open(target, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
