"""The contracts of where saved files and their names are: a folder (`placing.Tree`), or a bucket (`BucketTree`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol


class Places(Protocol):
    """The names: all that handing them out needs to know."""

    @property
    def root(self) -> object:
        """Where it stands, for people."""

    def expect(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Hear which objects (by their digest) want which names; a slow place asks for all of them at once."""

    def place(self, sha256: str, name: str) -> bool:
        """Take a name for an object. False says that it is somebody else's."""

    def blocks(self, folder: str) -> bool:
        """Whether something that is no folder stands where this folder should be."""


class Shelf(Places, Protocol):
    """Objects and their names. Blocking; one thread at a time."""

    def vacate(self, sha256: str, name: str) -> None:
        """Give a name up that was an object's; what stands there by now instead of it stays. The bytes stay, too."""

    def bring_back(self, sha256: str, name: str) -> None:
        """See to it that an object that has this name can be placed under another one, too."""

    def missing(self, sha256: str) -> Exception | None:
        """Say what is wrong where there is no such object, and see to its being durable where there is."""

    def settle(self) -> None:
        """Make all names since the last call durable, before the transaction that records them commits."""

    def forget(self, needless: Iterable[str]) -> None:
        """Remove objects that have got no name and never will."""

    def committed(self, digests: Iterable[str]) -> None:
        """Hear that what is known of these digests is recorded; comes again after a crash."""

    def close(self) -> None:
        """Let go of it. Idempotent."""
