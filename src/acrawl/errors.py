"""Every error acrawl raises, in one tree.

::

    AcrawlError
    ├── UsageError                what the user typed or wrote is wrong                    exit 2
    │   ├── SettingsError         an unknown or malformed setting
    │   ├── SpiderError           a spider that cannot be loaded
    │   ├── RequestError          a request that cannot be made or cannot travel
    │   └── JobConflict           the job folder holds another crawl, or a finished one
    ├── EnvironmentProblem        the machine refuses                                      exit 3
    │   ├── PortInUse
    │   ├── KeyProblem            a missing, short or refused authentication key
    │   ├── VersionMismatch       master and worker are not of one version or spider
    │   ├── JobLocked             another master works on this job folder
    │   ├── FolderProblem         a folder that cannot be made or written
    │   ├── MissingExtra          an optional dependency; names the pip command
    │   └── MasterUnreachable     no master at that address, or it went away
    ├── FetchError                one request failed; ``reason`` goes to the ledger
    │   └── ProxyFailed           the way to the server failed, not the server
    ├── WireError                 a peer broke the protocol
    │   └── RemoteFault           the master raised while it served a call
    └── CrawlFailed               a part of the crawl died: the crawl ends                 exit 1
    IgnoreRequest, DropItem       what a spider or a pipeline raises to say "not this one"
    └── Excluded                  the same of a stage, with a word of its own for the ledger
    CloseSpider                   what a callback raises to say "enough": the crawl ends in good order

Errors of other libraries are translated where they enter: aiohttp's and the operating system's in
``fetch/failures.py``, sqlite3's in ``frontier/database.py``, the socket's in ``queues/``.
"""

import errno

#: The reason of requests that wait for room on a disk: the crawl ends, and they are there when it goes on.
DISK_FULL = "disk-full"
#: The same of an object store that takes nothing, its patience over.
BUCKET_GONE = "bucket-gone"
#: Reasons for which no other request would fare better, and what to do about them.
WAITING = {DISK_FULL: "make room", BUCKET_GONE: "mend that"}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_LIMIT = 4
EXIT_INTERRUPTED = 130


class AcrawlError(Exception):
    """Base of all errors of acrawl. ``exit_code`` is what the command line ends with."""

    exit_code = EXIT_FAILED


class UsageError(AcrawlError):
    """What the user typed or wrote is wrong; the message names what, where and how to mend it."""

    exit_code = EXIT_USAGE


class SettingsError(UsageError):
    """An unknown or malformed setting."""


class SpiderError(UsageError):
    """A spider that cannot be found or loaded."""


class RequestError(UsageError, ValueError):
    """A request that cannot be made, or a field of it that cannot travel; names the field."""


class JobConflict(UsageError):
    """The job folder holds another crawl, or this one, finished."""


class EnvironmentProblem(AcrawlError):
    """The machine refuses: a port, a key, a disk, a version."""

    exit_code = EXIT_ENVIRONMENT


class PortInUse(EnvironmentProblem):
    """The address to listen on is taken or not ours."""


class KeyProblem(EnvironmentProblem):
    """An authentication key that is missing, too short, or refused by the peer."""


class VersionMismatch(EnvironmentProblem):
    """Master and worker do not run the same acrawl, or not the same spider."""


class JobLocked(EnvironmentProblem):
    """Another master works on this job folder."""


class FolderProblem(EnvironmentProblem):
    """A folder that cannot be made, read or written."""


class MissingExtra(EnvironmentProblem):
    """A feature whose optional dependency is not installed; the message holds the pip command."""


class MasterUnreachable(EnvironmentProblem):
    """No master answers at the address, or it went away for longer than the limit."""


class FetchError(AcrawlError):
    """One request failed. ``reason`` is the word the ledger keeps; ``detail`` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def disk_refused(error: OSError, what: str) -> FetchError:
    """Return what an error of the disk is for a request: `DISK_FULL` where no other request would fare better."""
    reason = DISK_FULL if error.errno in _FULL else "disk"
    return FetchError(reason, f"{what}: {error.strerror or error}" + (f" ({error.filename})" if error.filename else ""))


class ProxyFailed(FetchError):
    """A proxy could not be had, or would not do what it was asked. ``own`` is false where it may be innocent."""

    def __init__(self, name: str, detail: str, *, own: bool) -> None:
        super().__init__("proxy", f"{name}: {detail}")
        self.own = own


class WireError(AcrawlError):
    """A peer broke the protocol."""


class RemoteFault(WireError):
    """The master raised while it served a call: its class name and text, never its objects."""


class CrawlFailed(AcrawlError):
    """A part that the crawl cannot do without died; the crawl ends and the job can be resumed."""


class IgnoreRequest(Exception):
    """Raised by a callback or a stage: this request is not wanted; it ends as excluded(filter)."""

    reason = "filter"


class Excluded(IgnoreRequest):
    """Raised by a stage: this request must not be made; it ends as excluded with this ``reason``."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason


class DropItem(Exception):
    """Raised by a pipeline: this item is not wanted."""


class CloseSpider(Exception):
    """Raised by a callback: the crawl has what it wanted.

    What the callback gave before is kept, what is under way is finished, and the rest ends as excluded(closed).
    ``reason`` is what `Spider.closed` is told.
    """

    def __init__(self, reason: str = "cancelled") -> None:
        super().__init__(reason)
        self.reason = reason
