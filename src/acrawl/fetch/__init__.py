"""A request becomes a response: stages around one transport (runs in the worker)."""
