"""The GitLab kit of ``examples/ci`` on local repositories: its very scripts, beside a server with GitLab's API."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.conftest import KEY, Workbench, plan_text
from tests.gitrepo import ENVIRONMENT, commit, git
from tests.kit import EXAMPLES, Repository, run_step

CI = EXAMPLES / "ci"
TOKEN = "a-token-that-reads"
HOSTILE = "base/$(touch${IFS}pwned);`touch${IFS}pwned`'\""


def script(job: str, part: str = "script") -> str:
    """What a job of the kit runs, as one shell runs it."""
    lines = yaml.safe_load((CI / "gitlab" / ".gitlab-ci.yml").read_text())[job][part]
    return "\n".join(lines)


@dataclass
class Merged:
    """A merge request that was merged: its number, its last commit and its plan (None: it has expired)."""

    iid: int
    sha: str
    plan: bytes | None
    merged_at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=5))
    planned_sha: str | None = None
    project: int = 1


class GitLab:
    """The part of GitLab's API that the kit asks, with one item a page."""

    def __init__(self) -> None:
        self.merged: list[Merged] = []
        self.paths: list[str] = []
        self.redirect: str | None = None
        self.tokens: list[str | None] = []

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        self.paths.append(path)
        parts = path.removeprefix("/api/v4/projects/1/").split("/")
        page = int(query.get("page", ["1"])[0])
        match parts:
            case ["merge_requests"]:
                assert query["target_branch"] == ["main"]
                found = [
                    {
                        "iid": item.iid,
                        "sha": item.sha,
                        "merged_at": item.merged_at.isoformat().replace("+00:00", "Z"),
                    }
                    for item in self.merged
                ]
            case ["merge_requests", iid, "pipelines"]:
                [item] = [item for item in self.merged if item.iid == int(iid)]
                made = {"source": "merge_request_event", "project_id": item.project}
                found = [{"id": 100 + item.iid, "sha": item.planned_sha or item.sha, **made}]
            case ["pipelines", pipeline, "jobs"]:
                number = int(pipeline) + 100
                found = [{"id": number + 50, "name": "lint"}, {"id": number, "name": "plan"}]
            case ["jobs", job, "artifacts", "plan.json"]:
                return next(item.plan for item in self.merged if item.iid == int(job) - 200)
            case _:
                return None
        return found[page - 1 : page]

    @contextmanager
    def running(self) -> Iterator[str]:
        gitlab = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers["PRIVATE-TOKEN"]
                gitlab.tokens.append(token)
                url = urlsplit(self.path)
                moved = url.path.startswith("/elsewhere/")
                if gitlab.redirect and url.path.endswith("plan.json") and not moved:
                    self.send_response(302)
                    self.send_header("Location", gitlab.redirect + "/elsewhere" + url.path)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                found = gitlab.answer(url.path.removeprefix("/elsewhere"), parse_qs(url.query))
                body = found if isinstance(found, bytes) else json.dumps(found).encode()
                allowed = token == TOKEN or moved
                self.send_response(404 if found is None else 200 if allowed else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class Project(Repository):
    """A project with the kit in it, its state and its snapshot."""

    def __init__(self, folder: Path, service: str, gitlab: str) -> None:
        super().__init__(folder)
        self.service, self.gitlab = service, gitlab
        self.state = folder / "calls-state.git"
        git(folder, "init", "--quiet", "--bare", str(self.state))
        bench = Workbench(folder / "operator")
        bench.root.mkdir()
        bench.create_project()
        state = bench.root / ".reconciler"
        (state / ".gitignore").unlink()
        git(state, "init", "--quiet")
        commit(state, "A new state")
        git(state, "push", "--quiet", str(self.state), "HEAD:main")
        bench.ok("state", "export", "--public", "snapshot.json")
        shutil.rmtree(state)
        bench.write(".gitignore", ".reconciler/\n.snapshot/\nsnapshot.json\nplan.json\ncomment.md\nreport.*\n")
        bench.write("calls/june.yaml", plan_text(rows=1))
        shutil.copytree(CI / "github" / "actions" / "reconciler", bench.root / "ci")
        shutil.copy(CI / "gitlab" / "approved-plans.py", bench.root / "ci")
        git(bench.root, "init", "--quiet")
        commit(bench.root, "The project")
        git(bench.root, "push", "--quiet", str(self.repository), "HEAD:main")
        git(bench.root, "switch", "--quiet", "--orphan", "reconciler-snapshot")
        git(bench.root, "add", "--force", "snapshot.json")
        git(bench.root, "commit", "--quiet", "-m", "First snapshot")
        git(bench.root, "push", "--quiet", str(self.repository), "HEAD:reconciler-snapshot")

    def propose(self, name: str, rows: int) -> str:
        """A branch with so many rows; its commit."""
        path = self.clone(f"author-{name}")
        git(path, "switch", "--quiet", "--create", name)
        (path / "calls/june.yaml").write_text(plan_text(rows=rows))
        head = commit(path, name)
        git(path, "push", "--quiet", "origin", name)
        return head

    def plan(self, name: str, target: str = "main") -> bytes:
        """The plan job of the branch; its plan."""
        path = self.clone(f"plan-{name}", name)
        env = {
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": target,
            "RECONCILER_STATE": "snapshot:snapshot.json",
            "CI": "true",
            "CI_JOB_URL": "https://gitlab.example/ops/calls/-/jobs/71",
        }
        done = run_step(script("plan"), path, env)
        assert done.returncode == 0, done.stderr
        link = '<a href="https://gitlab.example/ops/calls/-/jobs/71/artifacts/browse">'
        assert link in (path / "comment.md").read_text(encoding="utf-8")
        assert (path / "report.html").exists()
        return (path / "plan.json").read_bytes()

    def apply(self, name: str, at: str | None = None) -> subprocess.CompletedProcess[str]:
        """The apply job, and what it publishes."""
        path = self.clone(f"apply-{name}")
        if at is not None:
            git(path, "checkout", "--quiet", "--detach", at)
        env = {
            "CALLS_STATE_URL": str(self.state),
            "CALLS_SNAPSHOT_URL": f"file://{self.repository}",
            "CALLS_API_TOKEN": TOKEN,
            "CI_API_V4_URL": f"{self.gitlab}/api/v4",
            "CI_PROJECT_ID": "1",
            "CI_DEFAULT_BRANCH": "main",
            "CI": "true",
            "CONTACTSHIP_API_KEY": KEY,
            "CONTACTSHIP_BASE_URL": self.service,
            "RECONCILER_CHECKPOINT": str(path / "ci" / "carry-state"),
            **ENVIRONMENT,
        }
        done = run_step(script("apply"), path, env)
        if (path / ".reconciler").exists():
            published = run_step(script("apply", "after_script"), path, env)
            assert published.returncode == 0, published.stderr
        return done


@pytest.fixture
def gitlab() -> GitLab:
    return GitLab()


@pytest.fixture
def project(tmp_path: Path, sandbox: Any, gitlab: GitLab) -> Iterator[Project]:
    with gitlab.running() as url:
        yield Project(tmp_path, sandbox.url, url)


def keys(sandbox: Any) -> list[str]:
    return sorted(call.body["metadata"]["reconciler_key"] for call in sandbox.calls())


def test_from_a_merge_request_to_the_call(project: Project, gitlab: GitLab, sandbox: Any) -> None:
    head = project.propose("first", 2)
    gitlab.merged.append(Merged(1, head, project.plan("first")))
    assert not sandbox.calls()
    old = project.merge("first")
    gitlab.redirect = project.gitlab.replace("127.0.0.1", "localhost")
    done = project.apply("first")
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert keys(sandbox) == ["inv-1", "inv-2"]
    assert gitlab.tokens.count(None) == 1, "where it is sent elsewhere, the token stays"

    project.propose("second", 1)
    project.plan("second")
    project.merge("second")
    assert project.apply("second").returncode == 3
    again = project.apply("again", old)
    assert again.returncode == 5
    assert "is older than" in again.stderr
    assert len(sandbox.calls()) == 2


def test_what_no_plan_holds_is_not_placed(project: Project, gitlab: GitLab, sandbox: Any) -> None:
    head = project.propose("first", 2)
    plan = project.plan("first")
    project.merge("first")
    long_ago = datetime.now(UTC) - timedelta(days=4)
    for number, (made, spoilt) in enumerate(
        [
            (plan, {"planned_sha": "0" * 40}),  # of a commit before the last
            (plan, {"project": 2}),  # by the pipeline of a fork
            (plan, {"merged_at": long_ago}),
            (None, {}),  # it has expired
        ],
        1,
    ):
        gitlab.merged = [Merged(number, head, made, **spoilt)]
        done = project.apply(f"spoilt-{number}")
        assert done.returncode == 3, (spoilt, done.stderr)
    assert not sandbox.calls()
    gitlab.merged = [Merged(7, head, None), Merged(8, head, plan)]
    assert project.apply("right").returncode == 0
    assert keys(sandbox) == ["inv-1", "inv-2"]


def test_where_gitlab_does_not_answer_nothing_is_placed(project: Project, gitlab: GitLab, sandbox: Any) -> None:
    project.gitlab = "http://127.0.0.1:9"
    assert project.apply("down").returncode == 1
    assert not sandbox.calls()


def test_names_of_branches_start_nothing(project: Project) -> None:
    git(project.clone("base"), "push", "--quiet", "origin", f"HEAD:refs/heads/{HOSTILE}")
    project.propose("first", 2)
    project.plan("first", HOSTILE)
    assert not list(project.folder.rglob("pwned"))
