"""Where HTML names resources, and of what kind each is: the tables that `acrawl.parse.resources` reads by."""

from __future__ import annotations

#: The media types of pages; without one, a page is expected.
HTML = frozenset(("", "text/html", "application/xhtml+xml"))

#: The attributes of an element that always name a resource, and its kind; obsolete ones included.
PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "img": (("src", "image"), ("lowsrc", "image"), ("dynsrc", "media")),
    "image": (("href", "image"), ("xlink:href", "image")),
    "feImage": (("href", "image"), ("xlink:href", "image")),
    "use": (("href", "image"), ("xlink:href", "image")),
    "video": (("poster", "image"), ("src", "media")),
    "audio": (("src", "media"),),
    "source": (("src", "media"),),
    "track": (("src", "media"),),
    "bgsound": (("src", "media"),),
    "iframe": (("src", "page"),),
    "frame": (("src", "page"),),
    "script": (("src", "script"), ("href", "script"), ("xlink:href", "script")),
    "html": (("manifest", "data"),),
}

#: The relations of ``link`` that name an icon.
ICONS = frozenset(
    ("icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image", "mask-icon", "fluid-icon")
)

#: What ``as`` says of what is loaded before it is needed (HTML standard, 4.6.7.15; Fetch, destinations).
BY_AS = {
    "image": "image",
    "style": "style",
    "script": "script",
    "worker": "script",
    "font": "font",
    "audio": "media",
    "video": "media",
    "track": "media",
    "document": "page",
}

#: The kind by the first half of a media type.
BY_TYPE = {"image": "image", "video": "media", "audio": "media", "font": "font"}

#: What ``meta`` names: cards of Open Graph and Twitter, tiles, microdata. A plain ``name=image`` is no image.
META = {
    "og:image": "image",
    "og:image:url": "image",
    "og:image:secure_url": "image",
    "twitter:image": "image",
    "twitter:image:src": "image",
    "msapplication-tileimage": "image",
    "msapplication-square70x70logo": "image",
    "msapplication-square150x150logo": "image",
    "msapplication-square310x310logo": "image",
    "msapplication-wide310x150logo": "image",
    "image": "image",
    "thumbnail": "image",
    "og:video": "media",
    "og:video:url": "media",
    "og:video:secure_url": "media",
    "og:audio": "media",
    "og:audio:url": "media",
    "og:audio:secure_url": "media",
    "twitter:player:stream": "media",
    "twitter:player": "page",
}

#: What ``data-src`` of these elements names, unless its extension is that of an image; of all others it is an image.
LAZY_BY_TAG = {
    "iframe": "page",
    "frame": "page",
    "video": "media",
    "audio": "media",
    "track": "media",
    "script": "script",
    "embed": "data",
    "object": "data",
    "a": "",
}
