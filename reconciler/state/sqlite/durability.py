"""Whether the file system under a state keeps what was synced."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.state.backend import DurabilityRisk
from reconciler.state.sqlite.connection import translated
from reconciler.state.sqlite.files import MOUNTS
from reconciler.state.sqlite.mounts import Mount, mount_of

_MEMORY = frozenset({"tmpfs", "ramfs"})
# Folders of another system, shared with this one; besides them, everything in FUSE.
_SHARED = frozenset({"virtiofs", "vboxsf", "prl_fs", "vmhgfs"})
# Options not to empty the drive's cache: ext4(5), btrfs(5), and the kernel's documentation of f2fs.
_NO_BARRIER = frozenset({"nobarrier", "barrier=0", "barrier=none", "fsync_mode=nobarrier"})
_ELSEWHERE = "move the state to a disk of this machine (reconciler state migrate), or use --checkpoint with apply"


def durability_risks(path: Path) -> list[DurabilityRisk]:
    """Why a power cut may undo commits of the state at ``path``. Empty if the system has no list of mounts.

    What a drive does itself is not visible here.

    Raises:
        StateError: the list or the path cannot be read.
    """
    if sys.platform != "linux" or not MOUNTS.exists():
        return []
    with translated(path):
        table = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        return list(_risks(mount_of(str(path.resolve()), table)))


def _risks(mount: Mount) -> Iterator[DurabilityRisk]:
    state = f"the state is on {mount.point} ({mount.kind})"
    if mount.kind in _MEMORY:
        yield DurabilityRisk(f"{state}, which is in memory: it is lost when the machine stops", _ELSEWHERE)
    elif mount.kind in _SHARED or mount.kind.startswith("fuse"):
        unknown = "it is not known whether what was synced there survives a power cut"
        yield DurabilityRisk(f"{state}: {unknown}", _ELSEWHERE)
    elif mount.kind == "overlay" and "volatile" in mount.options:
        yield DurabilityRisk(f"{state}, mounted with volatile: nothing is synced there", _ELSEWHERE)
    elif options := sorted(_NO_BARRIER & mount.options):
        loss = "a power cut may lose what was synced, unless the drive has no cache or a battery"
        yield DurabilityRisk(f"{state}, mounted with {options[0]}: {loss}", f"mount it without {options[0]}")
