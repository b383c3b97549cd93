#!/usr/bin/env python3
"""A real site, served by nginx on loopback and crawled under fire, with a check that shares no code with acrawl.

  tools/real_site.py [plain] [cluster] [apart] [master]        all of them by default

The site is Debian's gimp-help-en (685 pages, 1,963 images named by img src); needs root, nginx and that package.

  plain     `acrawl images --workers 2`
  cluster   a master on --listen and two `acrawl work`: one joins late, the other is killed with SIGKILL
  apart     the same, with workers that do not see the master's disk: their files travel over the connection
  master    the master is killed with SIGKILL and started again; the workers come back by themselves

Events fire at line counts of nginx's log. Each run must end with the same set: every image byte-identical to the
package's, each digest stored once; without kills no URL is asked for twice. Ends with 0 when all of it holds.
"""

import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path("/usr/share/gimp/2.0/help/en")
IMAGE = re.compile(r'<img[^>]*?\bsrc="([^"]+)"')
DEADLINE = 240


def wanted(base):
    """URL -> SHA-256 of every image that the package's pages name by img src and that the package holds."""
    pages, images = sorted(ROOT.rglob("*.html")), {}
    for page in pages:
        for found in IMAGE.finditer(page.read_text(encoding="utf-8")):
            url = urllib.parse.urljoin(base + str(page.relative_to(ROOT)), found[1])
            file = ROOT / urllib.parse.unquote(url[len(base) :])
            if file.is_file():
                images[url] = hashlib.sha256(file.read_bytes()).hexdigest()
    return {base + str(page.relative_to(ROOT)) for page in pages}, images


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Nginx:
    """The site on a port of its own; `rate` limits each connection, so that a crawl lasts."""

    def __init__(self, folder, rate, root=ROOT):
        self.folder, self.port = folder, free_port()
        self.base = f"http://127.0.0.1:{self.port}/"
        self.log = folder / "access.log"
        config = folder / "nginx.conf"
        config.write_text(f"""
            pid {folder}/pid; error_log {folder}/error.log crit; worker_processes 1; daemon off; user root;
            events {{ worker_connections 4096; }}
            http {{ include /etc/nginx/mime.types; default_type application/octet-stream; sendfile on; tcp_nodelay on;
              keepalive_requests 100000; log_format plain '$status\t$request_uri'; access_log {self.log} plain;
              client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
              uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
              server {{ listen 127.0.0.1:{self.port}; root {root}; index index.html; charset utf-8;
                        {f"limit_rate {rate};" if rate else ""} }} }}""")
        self.process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)])
        wait(lambda: reachable(self.port), "nginx does not answer")
        self.log.write_text("")

    def lines(self):
        return sum(1 for _ in self.log.open())

    def stop(self):
        self.process.terminate()
        self.process.wait()


def reachable(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait(condition, complaint, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(complaint)
        time.sleep(0.01)


def acrawl(*arguments):
    return subprocess.Popen([sys.executable, "-m", "acrawl", *map(str, arguments)])


def images(site, out, *more):
    return acrawl("images", site.base, "-o", out, "--hosts", "same", "-q", *more)


def worker(out, *more):
    return acrawl("work", "--join", out / ".acrawl" / "join.json", "-q", *more, "acrawl.spiders.images:Images")


def plain(site, out):
    return images(site, out, "--workers", 2).wait(DEADLINE)


def cluster(site, out, *more):
    master = images(site, out, "--listen", f"127.0.0.1:{free_port()}", "-s", "politeness.concurrency=16")
    wait((out / ".acrawl" / "join.json").exists, "no join file")
    first = worker(out, *more)
    wait(lambda: site.lines() > 400, "the first worker does nothing")
    second = worker(out, *more)
    wait(lambda: site.lines() > 1000, "the crawl does not go on")
    first.send_signal(signal.SIGKILL)
    first.wait()
    code = master.wait(DEADLINE)
    second.wait(30)
    return code


def apart(site, out):
    return cluster(site, out, "--send-files")


def master(site, out):
    options = ("--listen", f"127.0.0.1:{free_port()}", "-s", "politeness.concurrency=16")
    first = images(site, out, *options)
    wait((out / ".acrawl" / "join.json").exists, "no join file")
    workers = [worker(out) for _ in range(2)]
    wait(lambda: site.lines() > 900, "the workers do nothing")
    first.send_signal(signal.SIGKILL)
    first.wait()
    code = images(site, out, *options).wait(DEADLINE)
    for one in workers:
        one.wait(30)
    return code


def check(site, out, killed):
    """Compare the folder with the package; returns the differences."""
    pages, images = wanted(site.base)
    lines = [json.loads(line) for line in (out / "images.jsonl").open()]
    listed = {line["url"]: line for line in lines}
    asked = collections.Counter(line.rstrip("\n").split("\t")[1] for line in site.log.open())
    kept = [p for p in out.rglob("*") if p.is_file() and not {".objects", ".acrawl"} & set(p.relative_to(out).parts)]
    kept = [p for p in kept if p.parent != out]  # images.jsonl and the gallery stand at the top
    digests = collections.Counter(hashlib.sha256(p.read_bytes()).hexdigest() for p in kept)
    wrong = [url for url, sha in images.items() if url in listed and digest(out / listed[url]["path"]) != sha]
    differences = {
        "pages never asked for": [p for p in pages if "/" + p[len(site.base) :] not in asked],
        "images missing": [url for url in images if url not in listed],
        "images that differ": wrong,
        "digests stored twice": [sha for sha, count in digests.items() if count > 1],
        "asked for twice": [] if killed else [path for path, count in asked.items() if count > 1],
    }
    print(
        f"  {len(pages)} pages, {len(images)} image URLs, {len(set(images.values()))} distinct; "
        f"listed {len(listed)}, stored {len(kept)} files; {sum(asked.values())} requests, "
        f"{sum(count - 1 for count in asked.values())} of them repeated"
    )
    return {what: found for what, found in differences.items() if found}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    scenarios = {"plain": plain, "cluster": cluster, "apart": apart, "master": master}
    failed = False
    for name in sys.argv[1:] or scenarios:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"acrawl-{name}-"))
        site = Nginx(folder, "" if name == "plain" else "300k")
        began = time.monotonic()
        try:
            code = scenarios[name](site, folder / "out")
            print(f"{name}: exit code {code} after {time.monotonic() - began:.1f} s")
            differences = check(site, folder / "out", killed=name != "plain")
        finally:
            site.stop()
        for what, found in differences.items():
            print(f"  {what}: {len(found)}, as {found[:3]}")
        failed = failed or bool(differences) or code != 0
        print(f"  {'FAILED, see ' + str(folder) if differences or code else 'ok'}")
        if not differences and not code:
            shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
