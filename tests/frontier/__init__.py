"""Tests of `acrawl.frontier`."""

import pytest

for _part in ("crawl", "frontier_queue", "frontier_hosts", "frontier_leases", "frontier_books"):
    pytest.register_assert_rewrite(f"contracts.{_part}")  # so that a broken promise is shown with its values
