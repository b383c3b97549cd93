"""Saved files: bytes under the hash of their content, and readable names for them.

::

    base       the contracts of where files and their names are
    objects    ROOT/.objects/a/<sha256>: what is whole, and nothing else
    folder     how a download gets there; groups: many small ones at once; syncing: the disk asked for many at once
    partials   what cut downloads have left for the next try
    uploads    those of workers that do not see the folder, in pieces
    names      from a URL to a portable name
    template   names as users and spiders want them
    naming     the first name that nobody has
    placing    the object under its name, beside what is there
"""
