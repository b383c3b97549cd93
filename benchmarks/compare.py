"""What a crawl costs: acrawl, the bare loop and, where it is installed, Scrapy, interleaved, on real sites.

    python benchmarks/compare.py [-n RUNS] [--scrapy PYTHON] [--bare COMMAND] [pgsql-A] [cppref-A] [gimp-B]

The sites are Debian's postgresql-doc-15, cppreference-doc-en-html and gimp-help-en, served by nginx from memory on
loopback. Each figure is CPU seconds (user and system) of the client and all its children. Every run is paired with one
on a page that does not exist: what remains is the marginal cost of a fetch, start-up left out. Medians and ratios are
what to quote; --bare replaces the bare loop by another command with {start} {job} {out}.
"""

import argparse
import os
import pathlib
import resource
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
#: Where each site lies, its first page, and how many fetches its job takes.
SITES = {
    "pgsql": ("/usr/share/doc/postgresql-doc-15/html", "index.html", 1169),
    "cppref": ("/usr/share/cppreference/doc/html", "en/index.html", 4389),
    "gimp": ("/usr/share/gimp/2.0/help/en", "index.html", 685 + 1963),
}
ACRAWL = (
    f"{sys.executable} -m acrawl run {HERE}/pages.py -a start={{start}} -a job={{job}} -o {{out}}/items.jsonl "
    "--files {out} --job {out}/job --workers 1 -q "
    "-s politeness.concurrency=64 -s fetch.concurrency=64 -s politeness.obey_robots=false"
)
BARE = f"{sys.executable} {HERE}/bare.py {{start}} {{job}} {{out}}"


def serve(folder):
    """Start nginx over copies of the sites in memory; returns the process and {site: base URL}."""
    names = [name for name, (root, _, _) in SITES.items() if os.path.isdir(root)]
    for name in names:
        shutil.copytree(SITES[name][0], folder / name, ignore_dangling_symlinks=True)
    process, bases = serve_folder(folder, [folder / name for name in names])
    return process, dict(zip(names, bases, strict=True))


def serve_folder(folder, roots):
    """Start nginx over ``roots``, its own files in ``folder``; returns the process and a base URL for each root."""
    bases, servers = [], []
    for root in roots:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        bases.append(f"http://127.0.0.1:{port}/")
        servers.append(f"server {{ listen 127.0.0.1:{port} backlog=4096; root {root}; index index.html; }}")
    config = folder / "nginx.conf"
    config.write_text(f"""
        user root; pid {folder}/pid; error_log {folder}/error.log crit; worker_processes 1; daemon off;
        events {{ worker_connections 8192; }}
        http {{ include /etc/nginx/mime.types; default_type application/octet-stream; sendfile on; tcp_nopush on;
          tcp_nodelay on; keepalive_requests 100000000; access_log off; charset utf-8; charset_types nothing/none;
          client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
          uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5; {" ".join(servers)} }}""")
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)])
    for port in (int(base.rpartition(":")[2].strip("/")) for base in bases):
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.01)
    return process, bases


def cpu(command, start, job, out):
    """Run a crawler; returns its CPU seconds, wall seconds, and how many files and items it left."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    words = shlex.split(command.format(start=start, job=job, out=out, conc=64))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    items = out / "items.jsonl"
    pages = sum(1 for _ in items.open()) if items.exists() else 0
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.monotonic() - began, pages


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", default=["pgsql-A", "cppref-A", "gimp-B"])
    parser.add_argument("-n", type=int, default=5)
    parser.add_argument("--scrapy", default="", help="a command with {start} {job} {out} {conc}")
    parser.add_argument("--bare", default=BARE)
    options = parser.parse_args()
    crawlers = {"acrawl": ACRAWL, "bare": options.bare} | ({"scrapy": options.scrapy} if options.scrapy else {})
    folder = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-bench-", dir="/dev/shm"))
    nginx, bases = serve(folder)
    try:
        for job in options.jobs:
            site, _, kind = job.partition("-")
            start = bases[site] + SITES[site][1]
            runs = {name: [] for name in crawlers}
            starts = {name: [] for name in crawlers}
            for _ in range(options.n):
                for name, command in crawlers.items():
                    runs[name].append(cpu(command, start, kind, folder / "out"))
                    starts[name].append(cpu(command, bases[site] + "no-such-page.html", kind, folder / "out")[0])
            report(job, runs, starts)
    finally:
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(folder)


def report(job, runs, starts):
    """Print medians, and the median of the ratios to acrawl, pair by pair."""
    print(f"\n{job}")
    marginal = {name: [run[0] - start for run, start in zip(runs[name], starts[name], strict=True)] for name in runs}
    for name, results in runs.items():
        whole, wall = (statistics.median(run[i] for run in results) for i in (0, 1))
        pages = results[-1][2]
        apart = statistics.median(starts[name])
        each = statistics.median(marginal[name]) / SITES[job.partition("-")[0]][2] * 1e6
        print(
            f"  {name:8} {pages:5} items  whole {whole:6.2f} s CPU, {wall:6.2f} s wall; start-up {apart:5.2f} s CPU; "
            f"{each:7.0f} us CPU a fetch (marginal)"
        )
    for other in runs:
        if other != "acrawl":
            pairs = [a / b for a, b in zip(marginal["acrawl"], marginal[other], strict=True)]
            wholes = [a[0] / b[0] for a, b in zip(runs["acrawl"], runs[other], strict=True)]
            spread = f"{statistics.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})"
            print(f"  acrawl / {other}: marginal {spread}, whole process {statistics.median(wholes):.2f}")


if __name__ == "__main__":
    sys.exit(main())
