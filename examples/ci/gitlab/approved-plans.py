"""Download the plans of recently merged merge requests, for `reconciler apply --approved`.

    CALLS_API_TOKEN=… python ci/approved-plans.py FOLDER

FOLDER must be outside the checkout: apply refuses approved plans that whoever changes the files could have
committed. A plan is that of the commit that was merged, made by a merge request pipeline of this project. It
approves rows that stand in the merged files, and nothing else. The token needs the scope read_api, and is not sent
along where GitLab redirects.

Source: GitLab's REST API, pages "Merge requests", "Jobs" and "Job artifacts" (https://docs.gitlab.com/api/).
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PROJECT = f"{os.environ['CI_API_V4_URL']}/projects/{os.environ['CI_PROJECT_ID']}"
SINCE = datetime.now(UTC) - timedelta(hours=70)  # a little less than policy.plan_max_age
MAX_PLAN = 1 << 30  # bytes


def fetch(path: str) -> bytes:
    """The body of an answer. Raises ``URLError`` where there is none."""
    request = urllib.request.Request(f"{PROJECT}/{path}")  # noqa: S310 - the address is GitLab's own variable
    request.add_unredirected_header("PRIVATE-TOKEN", os.environ["CALLS_API_TOKEN"])
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        body: bytes = answer.read(MAX_PLAN)
    return body


def items(path: str, **query: str) -> Iterator[dict[str, Any]]:
    """The items of all pages of a list."""
    page = 1
    while found := json.loads(fetch(f"{path}?{urllib.parse.urlencode(query | {'per_page': 100, 'page': page})}")):
        yield from found
        page += 1


def merged() -> Iterator[dict[str, Any]]:
    """The merge requests into the default branch that were merged in time."""
    branch, since = os.environ["CI_DEFAULT_BRANCH"], SINCE.isoformat()
    for item in items("merge_requests", state="merged", target_branch=branch, updated_after=since):
        if item["merged_at"] and datetime.fromisoformat(item["merged_at"]) > SINCE:
            yield item


def plan_job(request: dict[str, Any]) -> int | None:
    """The job that planned the commit that was merged, newest first; None where none did."""
    for pipeline in items(f"merge_requests/{int(request['iid'])}/pipelines"):
        own = str(pipeline["project_id"]) == os.environ["CI_PROJECT_ID"]
        if own and pipeline["sha"] == request["sha"] and pipeline["source"] == "merge_request_event":
            for job in items(f"pipelines/{int(pipeline['id'])}/jobs", **{"scope[]": "success"}):
                if job["name"] == "plan":
                    return int(job["id"])
    return None


def main(folder: Path) -> None:
    for request in merged():
        number = int(request["iid"])
        job = plan_job(request)
        try:
            plan = None if job is None else fetch(f"jobs/{job}/artifacts/plan.json")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            plan = None  # it has expired
        if plan is None:
            print(f"merge request {number} has no plan of its last commit: its rows are not approved")
            continue
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "plan.json").write_bytes(plan)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
