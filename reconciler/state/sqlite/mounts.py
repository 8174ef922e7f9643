"""Which file system a path is on, from the kernel's table of mounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Names as in /proc/filesystems. Their locks do not exclude other machines, or are lost when a server restarts.
NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb2",
        "smb3",
        "smbfs",
    }
)


def network_filesystem(path: str, mountinfo: str) -> str | None:
    """The type of the network file system that ``path`` (absolute, links resolved) is on; None if it is local.

    ``mountinfo`` is the text of ``/proc/self/mountinfo`` (format: proc(5)). The longest mount point that contains
    the path counts, and the last of several equal ones.
    """
    best, kind = "", ""
    for point, point_kind in _mounts(mountinfo):
        contains = path == point or path.startswith(point.rstrip("/") + "/")
        if contains and len(point) >= len(best):
            best, kind = point, point_kind
    return kind if kind in NETWORK else None


def mounted_alone(path: str, mountinfo: str) -> bool:
    """Whether the file itself is a mount point, so that its lock and journal files are not shared."""
    return any(point == path for point, _ in _mounts(mountinfo))


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    """Mount points and their types, in the kernel's order."""
    for line in mountinfo.splitlines():
        head, separator, tail = line.partition(" - ")
        fields = head.split(" ")
        if separator and len(fields) >= 5:
            yield _unescaped(fields[4]), tail.split(" ")[0]


def _unescaped(text: str) -> str:
    """Decodes the kernel's octal escapes (``\\040`` for a space)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
