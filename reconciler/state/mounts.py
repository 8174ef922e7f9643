"""Which file system a path is on, from the kernel's table of mounts."""

from __future__ import annotations

import re

# Names as in /proc/filesystems. Their locks are advisory at best, or lost with a server's restart.
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
    """The kind of network file system that ``path`` (absolute, links resolved) is on; None where it is local.

    ``mountinfo`` is the text of ``/proc/self/mountinfo`` (its format: proc(5)). The longest mount point that
    holds the path counts, and of equal ones the last.
    """
    best, kind = "", ""
    for line in mountinfo.splitlines():
        head, separator, tail = line.partition(" - ")
        fields = head.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _unescaped(fields[4])
        holds = path == point or path.startswith(point.rstrip("/") + "/")
        if holds and len(point) >= len(best):
            best, kind = point, tail.split(" ")[0]
    return kind if kind in NETWORK else None


def _unescaped(text: str) -> str:
    """Octal escapes (``\\040`` for a space) as the kernel writes them."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
