"""Where a web archive is made: what the fetches of a lease have captured travels in its outcome."""

from __future__ import annotations

import msgspec

from acrawl.clock import Clock
from acrawl.errors import FetchError
from acrawl.fetch.base import FileStore
from acrawl.fetch.capture import Recorder
from acrawl.outcome import Item
from acrawl.settings import Warc
from acrawl.worker.harvest import Harvest
from acrawl.worker.lanes import Work

_encode = msgspec.msgpack.Encoder().encode


class Archiving:
    """Makes a recorder for each lease; ``store`` takes exchanges that are too long for a report."""

    def __init__(self, store: FileStore, clock: Clock, settings: Warc) -> None:
        self._store = store
        self._time = clock.time
        self._settings = settings

    def recorder(self, work: Work) -> Recorder:
        """What captures the exchanges of this lease."""
        return Recorder(self._store, self._time, work.advance, keeps_secrets=self._settings.secrets)


async def harvested(recorder: Recorder, harvest: Harvest) -> FetchError | None:
    """Close what was captured and let it travel; returns why it could not be kept, if so, and nothing travels then."""
    try:
        captured = await recorder.finish()
    except FetchError as error:  # the caller says what becomes of the request
        return error
    finally:
        await recorder.discard()
    for one in captured:
        harvest.add_item(Item("exchange", _encode(one)))
    return None
