"""What to fetch next, and when: durable queues, leases, host clocks and the ledger (runs in the master).

::

    base        the contract            rows, state   the values and the memory the parts share
    door        gate, recent keys, rank on the way in
    scheduler   grants: hosts in turn   settling      reports, give-backs, losses
    hosts       ready, waiting, parked, reading, idle
    host        one host: clock, shares, window       pace, budgets   how much of it, and of several together
    leases      who holds what          isolation     a suspect, alone with a worker
    jars        cookies, and how new they are
    sqlite      the engine: those decisions, and one writer thread for
    committer   group commit            reader        windows that run low
    store       what is written         books         what people ask      revival   trying again
    schema      the tables              database      sqlite3's border

A request's way: `door` judges it, `store` tells the new ones from the known and numbers them, `host` puts the row into
its window or leaves it on disk, `scheduler` leases it when its host's turn has come, `settling` takes what became of
it, and one transaction of `store` moves its row from the queue to the ledger, with all that it brought. Everything that
decides is pure and takes the time as an argument; everything that writes runs in one thread, in the order of its calls.
"""
