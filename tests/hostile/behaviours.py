"""All behaviours: importing their files registers them."""

from hostile import bodies, connections, elsewhere, framing, heads, tls
from hostile.registry import BEHAVIOURS

__all__ = ["BEHAVIOURS", "bodies", "connections", "elsewhere", "framing", "heads", "tls"]
