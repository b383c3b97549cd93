"""Object stores: results in a bucket of S3 or of what speaks like it, of Google Cloud Storage, of Azure Blob Storage.

::

    address    s3://bucket/key, gs://, az:// as they are typed; file:///path is a path
    bucket     the only door to obstore: put, create, head, read, copy, list, delete; retries with an end
    faults     what an answer that is none means, in one line
    feed       -o: an ordinary file feed in the job's folder, uploaded when it is whole
    tree       --files: what workers have put into the bucket gets its readable name there
    known      what workers ask before they send: whether these bytes are in the bucket already
    site       what is made of the whole at the end, brought into the bucket

The life of a saved file::

    worker    on its own disk until it is whole and hashed; then put under PREFIX/.objects/<job>/<sha256>
    master    copied by the server to PREFIX/<readable name>; the catalog commits; only then the first one is deleted
    the end   what lies under PREFIX/.objects/<job>/ was never reported by anybody: deleted

An object is put whole or not at all, so nothing in a bucket is ever torn. Every step may come again after a crash: a
put and a copy write the same bytes, and what was deleted is gone. Credentials are found as obstore finds them (the
environment, instance metadata) and, with boto3, in profiles; they are never shown nor stored.
"""
