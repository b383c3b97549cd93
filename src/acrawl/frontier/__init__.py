"""What to fetch next, and when: durable queues, leases, host clocks and the ledger (runs in the master)."""
