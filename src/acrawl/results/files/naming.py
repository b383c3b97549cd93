"""Handing out the readable names of objects: the first that nobody has, in the catalog or on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from acrawl.outcome import FileFact
from acrawl.results.files.base import Places
from acrawl.results.files.names import distinct, folded, split_extension
from acrawl.results.files.template import BY_URL, NameTemplate

#: Folders known to be folders; kept to spare a look-up for each file.
_MAX_KNOWN = 50_000
#: Names of last resort that are tried: a site that knows how names are made may have taken some of them.
_MOST_TRIED = 100


class Naming:
    """Names the objects of a catalog, and links them. Blocking; one thread at a time.

    ``taken`` says which of some folded names are those of objects, or of folders of objects; ``is_object`` whether one
    is that of an object. ``template`` is what the names are made by, ``count`` how many objects had a number before.
    """

    def __init__(
        self,
        tree: Places,
        taken: Callable[[Iterable[str]], set[str]],
        is_object: Callable[[str], bool],
        template: NameTemplate = BY_URL,
        count: Callable[[], int] = lambda: 0,
    ) -> None:
        self._tree = tree
        self._name_of = template.name
        self._count = count if template.numbers else lambda: 0
        self._which_are_taken = taken
        self._is_object = is_object
        self._folders: dict[str, str] = {}
        #: What is taken since the call began: folded names of files (True) and of their folders (False).
        self._given: dict[str, bool] = {}
        #: The folded names that were looked up as the call began, and those among them that were taken.
        self._checked: set[str] = set()
        self._taken: set[str] = set()

    def name(self, facts: Sequence[FileFact]) -> list[str | Exception]:
        """Link objects under a name each; the caller writes the names down before it asks for more.

        The facts are of distinct digests that have no name. FileNotFoundError in the place of a name says that the
        bytes are not where the worker said it put them, ValueError that the fact cannot be or that every name for it is
        taken; anything else is raised.
        """
        self._given.clear()
        wanted = [self._name_of(fact, n) for n, fact in enumerate(facts, self._count() + 1)]
        self._checked = set(map(folded, wanted))
        self._taken = self._which_are_taken(self._checked)
        self._tree.expect([(fact.sha256, name) for fact, name in zip(facts, wanted, strict=True)])
        names: list[str | Exception] = []
        for fact, name in zip(facts, wanted, strict=True):
            try:
                names.append(self._first_free(fact, name))
            except (FileNotFoundError, ValueError) as error:  # the caller records it; the other files have their names
                names.append(error)
        return names

    def forget(self) -> None:
        """What was named last has not been written down after all."""
        self._folders.clear()

    def _first_free(self, fact: FileFact, wanted: str) -> str:
        for candidate in _candidates(wanted, fact.sha256):
            name = self._clear_of_files(candidate)
            if not self._is_taken(folded(name)) and self._tree.place(fact.sha256, name):
                self._give(folded(name))
                return name
        raise ValueError(f"no name can be found for {fact.url} in {self._tree.root}")

    def _is_taken(self, key: str) -> bool:
        if key in self._given:
            return True
        return key in self._taken if key in self._checked else bool(self._which_are_taken((key,)))

    def _give(self, key: str) -> None:
        """Nobody else of this batch gets the name, or that of one of its folders."""
        self._given[key] = True
        folder = key.rpartition("/")[0]
        while folder and folder not in self._given:
            self._given[folder] = False
            folder = folder.rpartition("/")[0]

    def _clear_of_files(self, name: str) -> str:
        """Move a name out of folders that are files already: after ``/a``, ``/a/b.png`` lies in ``a-2``."""
        folder, slash, last = name.rpartition("/")
        return f"{self._clear_folder(folder)}{slash}{last}" if slash else last

    def _clear_folder(self, folder: str) -> str:
        clear = self._folders.get(folder)
        if clear is None:
            above, slash, last = folder.rpartition("/")
            wanted = clear = f"{self._clear_folder(above)}/{last}" if slash else last
            n = 1
            while self._is_file(clear):
                n += 1
                clear = f"{wanted}-{n}"
            if len(self._folders) >= _MAX_KNOWN:
                self._folders.clear()
            self._folders[folder] = clear
        return clear

    def _is_file(self, folder: str) -> bool:
        key = folded(folder)
        return bool(self._given.get(key)) or self._tree.blocks(folder) or self._is_object(key)


def _candidates(name: str, sha256: str) -> Iterator[str]:
    """Names to try: the wanted one, a few numbered ones, then ones that other content can only want on purpose."""
    yield name
    yield from (distinct(name, n) for n in range(2, 9))
    yield from (distinct(name, sha256[:digits]) for digits in (12, 64))
    first = name[: name.find("/") + 1]  # nothing, of a name without a folder
    short = f"{first}{sha256[:16]}{split_extension(name)[1]}"
    yield short
    yield from (distinct(short, n) for n in range(2, _MOST_TRIED))
