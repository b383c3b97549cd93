"""The service process: it owns the frontier, serves the queues, delivers the results, and knows when the crawl ends."""
