"""A target for octoDNS that holds nothing, so that all of a zone is to be created."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from octodns.provider.base import BaseProvider


class Nothing(BaseProvider):  # type: ignore[misc]
    SUPPORTS: ClassVar[set[str]] = {"A"}
    SUPPORTS_GEO = False
    log = logging.getLogger("Nothing")

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:
        return False
