"""What all sections of settings are made of. Sizes are bytes, times are seconds."""

from __future__ import annotations

from typing import Annotated

import msgspec

MIB = 1 << 20
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections."""
