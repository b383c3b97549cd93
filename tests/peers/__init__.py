"""Real servers that others wrote, started by the tests on loopback: nginx, and httpbin behind gunicorn."""
