"""The ledger's one-word reasons in sentences, each with what changes it."""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """Why a request ended so, and which setting (or deed) would have it otherwise; empty when nothing would."""

    text: str
    change: str = ""


_RETRIES = "retry.table, retry.times and retry.delay say how often and how late it is tried again"
_LOGIN = "auth.hosts holds logins; one that stands there already was refused, or is for another origin"
_TRUST = "tls.insecure_hosts lets hosts by name pass without a valid certificate"
_HOST_GIVEN_UP = "politeness.max_pauses and politeness.give_up_after say how long a host is waited for"

REASONS = {
    # kept out before it was fetched
    "offsite": Reason(
        "it lies outside the scope of the crawl",
        "scope.within (--scope domain, --scope any) takes more in, as do a spider's allowed_domains and a request's "
        "allow_offsite=True",
    ),
    "pattern": Reason(
        "its URL is kept out by a regular expression",
        "scope.deny (--deny) leaves what it is found in, scope.allow (--allow) leaves all else",
    ),
    "depth": Reason("it is more links away from a seed than the crawl goes", "scope.max_depth says how far it goes"),
    "robots": Reason(
        "the robots.txt of its host forbids it",
        "politeness.obey_robots=false fetches it all the same; for sites of your own",
    ),
    "robots-unreachable": Reason(
        "the robots.txt of its host could not be had, and without it nothing of the host may be fetched",
        f"{_HOST_GIVEN_UP}; politeness.obey_robots=false does not ask",
    ),
    "nofollow": Reason(
        "every page that leads to it asks robots not to follow its links (X-Robots-Tag or meta robots)",
        "politeness.obey_robots_tags without nofollow follows them",
    ),
    "noimageindex": Reason(
        "every page that shows it asks robots to leave its images",
        "politeness.obey_robots_tags without noimageindex takes them",
    ),
    "noindex": Reason(
        "the page asks robots not to index it, so its items were left out",
        "politeness.obey_robots_tags without noindex keeps them; then crawl it again",
    ),
    "cut": Reason(
        "it is so large, or so made, that only its beginning was parsed",
        "parse.max_bytes, max_tags, max_links and max_attributes say how much is parsed; what would keep a parser busy "
        "for ever (attributes, options, depth, formatting, names, doubt) is cut in any case",
    ),
    "too-long": Reason("its URL is too long", "fetch.max_url says how long one may be"),
    "limit": Reason(
        "a limit was reached before its turn came",
        "limits.max_pages, max_bytes, max_seconds, max_errors, host_pages, host_bytes, host_errors",
    ),
    "closed": Reason(
        "the spider ended the crawl before its turn came",
        "acrawl retry --status excluded --reason closed brings it back",
    ),
    "trap": Reason(
        "it is one of a row of pages without end that bring nothing new",
        "the setting named there, in [traps]; traps.enabled=false looks for none. Then acrawl retry --status excluded "
        "--reason trap brings it back",
    ),
    "filter": Reason(
        "a stage of the spider did not want it (IgnoreRequest)", "the spider's own stages decide that, no setting does"
    ),
    # no answer
    "dns": Reason("the name of its host could not be resolved", _RETRIES),
    "refused": Reason("its host refused the connection", _RETRIES),
    "reset": Reason("the connection was broken off", _RETRIES),
    "unreachable": Reason("there was no way to its host", _RETRIES),
    "truncated": Reason("the connection ended before the answer did", _RETRIES),
    "timeout": Reason(
        "it took too long",
        "fetch.connect_timeout, fetch.idle_timeout, fetch.total_timeout (fetch.file_timeout for saved files)",
    ),
    "tls": Reason("no trusted connection to its host could be made", _TRUST),
    "tls-expired": Reason("the certificate of its host has expired, or is not valid yet", _TRUST),
    "tls-self-signed": Reason(
        "the certificate of its host is signed by nobody but itself", f"tls.ca_file adds that certificate; {_TRUST}"
    ),
    "tls-wrong-host": Reason("the certificate of its host is another host's", _TRUST),
    "tls-untrusted": Reason(
        "the certificate of its host comes from an authority that is not known here",
        f"tls.ca_file adds an authority; {_TRUST}",
    ),
    "tls-protocol": Reason(
        "its host speaks no TLS, or no version that is spoken here", "tls.minimum is the oldest version"
    ),
    "proxy": Reason("the proxy on the way to its host failed", f"proxy.urls, proxy.bypass; {_RETRIES}"),
    "blocked": Reason(
        "its host has a private address and no seed names that host, or its port belongs to another protocol",
        "fetch.allow_private=true lets private addresses be fetched; nothing opens those ports",
    ),
    "malformed": Reason(
        "what its host answered is not HTTP, has a head beyond all measure, or is not encoded as it says; or the "
        "request cannot be sent as it stands",
        "fetch.max_header, fetch.max_headers and fetch.max_head say how large a head may be",
    ),
    "too-large": Reason(
        "its body is too large", "fetch.max_body and fetch.max_body_of for pages, fetch.max_file for saved files"
    ),
    "bomb": Reason(
        "its body decodes to so much more (or less) than what was sent that it can only be meant to do harm",
        "fetch.max_ratio says how much more it may be; 0 lets any through, up to the limits of size",
    ),
    "too-small": Reason(
        "the image has fewer pixels than are wanted, and was not kept",
        "images.min_width and images.min_height (--min-size of `acrawl images`) say how many are; then crawl it again",
    ),
    "wrong-type": Reason("it is of a type that nobody wants", "fetch.types says which types callbacks want"),
    "digest-mismatch": Reason(
        "the file that came does not have the digest that its server announced or the request asks for",
        "files.verify=false believes no server's digest; a request's own digest is always compared",
    ),
    "resume": Reason(
        "what a cut download had left could not be continued, and it could not be begun anew either",
        f"{_RETRIES}; files.resume=false always begins anew",
    ),
    "disk": Reason("what it answered could not be written to disk", "make room, then try it again"),
    "disk-full": Reason(
        "no room was left for what it answered, so the crawl ended", "make room and run the same command again"
    ),
    "bucket-gone": Reason(
        "the bucket took nothing any more, so the crawl ended; the worker that tried says why",
        "see that the object store can be reached and written (docs/object-stores.md) and run the same command again",
    ),
    "bucket": Reason(
        "what it answered could not be put into the bucket; the worker that tried says why",
        "see that the object store can be reached and written (docs/object-stores.md), then try it again",
    ),
    "rate-limited": Reason(
        "its host asked to be left alone (429, 503) for so long that it was given up", _HOST_GIVEN_UP
    ),
    # the cache
    "cached": Reason("it was taken from the cache, and nothing was sent", "cache.mode=off asks its server"),
    "unchanged": Reason(
        "its server says that it is still what the visit before found, or what the cache has; or sent the same again",
        "--fresh fetches it anew, and calls the spider back for it",
    ),
    "not-cached": Reason(
        "the cache has nothing that could stand for an answer, and nothing else may be asked",
        "cache.mode=keep fetches what is missing; or record it first, with the same cache.folder and -o or --files",
    ),
    "malformed-url": Reason("what stands there is no URL, and no browser can follow it", "mend the page"),
    # redirects
    "redirect": Reason("it leads elsewhere; the target is a request of its own"),
    "redirect-loop": Reason("it leads back to a page that had led to it"),
    "redirect-refused": Reason("it leads to what is no http(s) URL"),
    "too-many-redirects": Reason("it leads on and on", "fetch.max_redirects says how far it is followed"),
    # our side
    "callback": Reason("the spider's callback raised an error on it", "mend the spider, then try it again"),
    "invalid-item": Reason(
        "an item that its callback made is not as its class says, or has something in it that cannot travel",
        "mend what fills the field that is named, or its annotation; acrawl audit --items lists such items",
    ),
    "stage": Reason("a stage of the spider raised an error", "mend the spider, then try it again"),
    "malformed-request": Reason("its stored request cannot be read"),
    "bad-report": Reason("its worker reported of it what makes no sense; please report that"),
    "defect": Reason("acrawl itself failed on it; please report that"),
    "worker-lost": Reason(
        "each worker that was at it died", "frontier.max_lost says after how many; look at what its callback does"
    ),
}


def explained(reason: str) -> Reason:
    """The sentence for a reason; of one that is not ours (a gate's own word) only the word is known."""
    if reason in REASONS:
        return REASONS[reason]
    status = reason.removeprefix("http-")
    if status != reason:
        again = _RETRIES if status.startswith("5") or status in {"408", "425"} else ""
        return Reason(f"the server answered {status}", _LOGIN if status == "401" else again)
    return Reason(f"its reason is {reason!r}")
