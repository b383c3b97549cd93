"""What came of it: the outbox's way to feeds, files and galleries.

The life of a result::

    worker    an item: pipelines of the worker's side -> checked against its class -> closed       pipelines
              a saved or made file: streamed, hashed, renamed to ROOT/.objects/a/<sha256>       files/
              or put into a bucket; an image: what is made of it                                 cloud/, imaging/
              its facts, the items and the sightings travel in the report and commit with it
    master    outbox -> pipelines -> feeds (fsync) and catalog (links, rows, commit)             outbox, feeds/, catalog
              one of the feeds is the job's own: the items that stay in it                       kept
              what went over the wire becomes an archive                                         warc/
              -> done(ids, marks): delivered, and how long each feed is
    the end   rendered from the catalog: images.jsonl and the gallery; pages.jsonl;             publish/
              a copy whose links lead to each other; which links are broken
    later     any feed is made of the items that stayed; figures of what is there                export, survey

What always holds: whatever is killed at whatever moment, an item is in a file feed exactly once, a digest is stored
once and has one readable name, and a file that acrawl did not make is never overwritten.
"""
