"""What people see of a crawl: plain lines where nobody watches, nothing when they asked for nothing."""

import io
import pathlib
import subprocess
import sys

from acrawl.monitor.progress import PLAIN_SECONDS, Progress
from acrawl.outcome import Snapshot, Tally

END = Snapshot(
    discovered=1200,
    fetched=1000,
    bytes=12_345_678,
    failed=3,
    reasons={
        "failed(dns)": 3,
        "fetched(noindex)": 7,
        "fetched(cut)": 2,
        "fetched(invalid-item)": 4,
        "excluded(trap)": 9,
    },
)


class Gone(io.StringIO):
    def write(self, _text):
        raise BrokenPipeError


def shown(stream, *, quiet=False):
    seconds = iter([0.0, *(n * PLAIN_SECONDS / 4 for n in range(1000))])
    with Progress(stream, lambda: next(seconds), quiet=quiet) as progress:
        for queued in range(9):
            progress.show(Snapshot(queued=queued), 2, "run")
        progress.note("join with [red]this[/red]")
        progress.summary(
            END, "finished", Tally(delivered=9, items=4, files=0, dropped=3, failed=2), job=pathlib.Path("my job")
        )
    return stream


def test_a_pipe_gets_plain_lines_now_and_then_and_the_books_at_the_end():
    lines = shown(io.StringIO()).getvalue().splitlines()
    told = [line for line in lines if line.startswith("run: ")]
    assert 2 <= len(told) < 9
    assert told[0].startswith("run: 0 done, 0 queued, 0 failed")
    end = lines.index("join with [red]this[/red]") + 1
    assert lines[end] == "crawl finished"
    assert "failed           3 (dns 3)" in lines[end:]
    assert any(
        line.startswith("noindex          7 of the pages") and "obey_robots_tags" in line for line in lines[end:]
    )
    assert any(line.startswith("trap             9 pages") and "--reason trap" in line for line in lines[end:])
    assert any(line.startswith("cut              2 pages") and "[parse]" in line for line in lines[end:])
    assert "fetched          1,000 (12.3 MB)" in lines[end:]
    assert "items delivered  4" in lines[end:]
    assert "items dropped    3 (by pipelines)" in lines[end:]
    assert any(line.startswith("invalid items    4 of the pages") for line in lines[end:])
    assert "items FAILED     2 (the log says why; acrawl audit --items --job 'my job' lists them)" in lines[end:]


def test_bytes_of_large_files_are_told_before_their_end():
    stream, seconds = io.StringIO(), iter(range(0, 1000, 3))
    with Progress(stream, lambda: next(seconds)) as progress:
        for coming in (0, 200_000_000, 400_000_000):
            progress.show(Snapshot(leased=1, coming=coming), 1, "run")
    first, *_, last = stream.getvalue().splitlines()
    assert "under way" not in first
    assert "400.0 MB of what is under way" in last
    assert " 0 B/s" not in last


def test_quiet_is_quiet():
    assert shown(io.StringIO(), quiet=True).getvalue() == ""


def test_a_reader_that_has_gone_does_not_end_the_crawl():
    shown(Gone())


def test_without_a_terminal_nothing_is_imported_for_one():
    code = "import sys, acrawl.cli.crawl; from acrawl.monitor.progress import Progress; Progress(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "acrawl.master.master" in run.stdout.split()
    assert "rich" not in run.stdout.split()
