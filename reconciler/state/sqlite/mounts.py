"""Which file system a path is on, and how it is mounted, from the kernel's table of mounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: its mount point, its type, and the options of the mount and of the file system."""

    point: str
    kind: str
    options: frozenset[str] = frozenset()


def mount_of(path: str, mountinfo: str) -> Mount:
    """The mount that ``path`` (absolute, links resolved) is on; one without a name if it is in none.

    ``mountinfo`` is the text of ``/proc/self/mountinfo`` (format: proc(5)). The longest mount point that contains
    the path counts, and the last of several equal ones.
    """
    best = Mount("", "")
    for mount in _mounts(mountinfo):
        contains = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if contains and len(mount.point) >= len(best.point):
            best = mount
    return best


def network_filesystem(path: str, mountinfo: str) -> str | None:
    """The type of the network file system that ``path`` is on, as for ``mount_of``; None if it is local."""
    kind = mount_of(path, mountinfo).kind
    return kind if kind in NETWORK else None


def mounted_alone(path: str, mountinfo: str) -> bool:
    """Whether the file itself is a mount point, so that its lock and journal files are not shared."""
    return any(mount.point == path for mount in _mounts(mountinfo))


def _mounts(mountinfo: str) -> Iterator[Mount]:
    """All mounts, in the kernel's order."""
    for line in mountinfo.splitlines():
        head, separator, tail = line.partition(" - ")
        fields, filesystem = head.split(" "), tail.split(" ")
        if separator and len(fields) >= 5:
            options = ",".join([*fields[5:6], *filesystem[2:3]])
            yield Mount(_unescaped(fields[4]), filesystem[0], frozenset(options.split(",")))


def _unescaped(text: str) -> str:
    """Decodes the kernel's octal escapes (``\\040`` for a space)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
