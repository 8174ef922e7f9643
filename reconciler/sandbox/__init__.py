"""A local server that speaks the documented ContactShip API, for tests, demos and fault injection.

Importing this package does not import aiohttp; starting a sandbox does.
"""

from __future__ import annotations

from reconciler.sandbox.config import SandboxConfig, SandboxError
from reconciler.sandbox.faults import Fault, FaultPlan, FaultRule
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.running import RunningSandbox, running, serve
from reconciler.sandbox.traffic import Rate

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
