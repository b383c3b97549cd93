"""What is happening, for people (runs in the master)."""
