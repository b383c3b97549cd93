"""Lease, fetch, call back, report: one worker process, one asyncio loop."""
