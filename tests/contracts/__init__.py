"""Suites of promises: one class for each contract, bound to the engines that claim to keep it."""
