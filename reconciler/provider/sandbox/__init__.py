"""A local server that speaks the documented ContactShip API, for tests, demos and fault injection.

Importing this package does not import aiohttp; starting a sandbox does.
"""

from __future__ import annotations

from reconciler.provider.sandbox.config import SandboxConfig, SandboxError
from reconciler.provider.sandbox.faults import Fault, FaultPlan, FaultRule
from reconciler.provider.sandbox.foreground import serve
from reconciler.provider.sandbox.rate import Rate
from reconciler.provider.sandbox.recorded import RecordedCall
from reconciler.provider.sandbox.running import RunningSandbox, running

__all__ = [
    "Fault",
    "FaultPlan",
    "FaultRule",
    "Rate",
    "RecordedCall",
    "RunningSandbox",
    "SandboxConfig",
    "SandboxError",
    "running",
    "serve",
]
