"""What came of it: the outbox's way to feeds, files and galleries."""
