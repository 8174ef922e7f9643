"""Look up the pinned packages in an advisory database. Exit 1: a vulnerability. Exit 0: none or unreachable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
AUDIT = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "15", "--format", "json")


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), *AUDIT]
    # 300 s: a database that answers slowly must not hold up the gate for ever
    try:
        audit = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        packages = json.loads(audit.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return unreachable("no answer within 300 s")
    except ValueError:
        return unreachable((audit.stderr.strip().splitlines() or ["pip-audit gave no answer"])[-1])
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    """What pip-audit says of each package. It passes over those that its database does not answer for."""
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for found in package["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no release"
            print(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    if vulnerable:
        return 1
    if len(skipped) == len(packages):
        return unreachable("it answers for none of the pinned packages")
    if skipped:
        print(f"NOT CHECKED, no answer from the advisory database: {', '.join(skipped)}")
    print(f"{len(packages) - len(skipped)} of {len(packages)} pinned packages have no known vulnerability.")
    return 0


def unreachable(reason: str) -> int:
    print(f"NOT CHECKED for known vulnerabilities, as no advisory database could be reached: {reason[:200]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
