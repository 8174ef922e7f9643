"""The schemas themselves: valid, described, with examples that hold, and true of what the tool prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli import main
from reconciler.source.schema.packaged import schema_names, schema_text
from tests.conftest import Workbench, plan_text


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


def properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name, item in node.get("properties", {}).items():
            yield f"{path}.{name}", item
        for name, item in node.items():
            yield from properties(item, f"{path}.{name}")
    elif isinstance(node, list):
        for item in node:
            yield from properties(item, path)


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_is_valid_and_described_for_editors(name: str) -> None:
    loaded = schema(name)
    Draft202012Validator.check_schema(loaded)
    bare = [
        path
        for path, item in properties(loaded)
        if "$ref" not in item and not {"title", "description"} <= set(item)
    ]
    assert not bare
    assert {"title", "description", "$id"} <= set(loaded)


@pytest.mark.parametrize("name", ["callplan", "project"])
def test_the_examples_of_a_schema_hold(name: str) -> None:
    loaded = schema(name)
    assert loaded["examples"]
    for path, item in [("", loaded), *properties(loaded)]:
        for example in [*item.get("examples", []), *([item["default"]] if "default" in item else [])]:
            errors = list(
                Draft202012Validator(
                    loaded | item if path == "" else item | {"$defs": loaded.get("$defs", {})}
                ).iter_errors(example)
            )
            assert not errors, (path, example, errors)


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    names = capsys.readouterr().out.split()
    assert names == [
        "audit",
        "callplan",
        "doctor",
        "event",
        "explanation",
        "export",
        "plan",
        "project",
        "rebuild",
        "snapshot",
        "status",
    ]
    for name in names:
        assert main(["schema", name]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def test_what_plan_and_apply_print_is_what_their_schemas_say(project: Workbench, sandbox: Any) -> None:
    plan, event = Draft202012Validator(schema("plan")), Draft202012Validator(schema("event"))
    project.write("calls/june.yaml", plan_text(rows=4).replace("2031-06-01 00:04:00", "2021-06-01 00:04:00"))
    plan.validate(project.plan())
    sandbox.set_faults("drop-after#2", "reject#3")
    events = project.apply("--concurrency", "1").events
    kinds = {"started", "placed", "uncertain", "adopted", "failed", "expired", "summary"}
    assert {item["type"] for item in events} == kinds
    for item in events:
        event.validate(item)
    project.write("calls/june.yaml", plan_text(rows=2).replace("14001", "1"))
    plan.validate(project.plan("--reveal"))
    project.write("calls/june.yaml", "version: 1\nplan: june\ncalls: [5]\n")
    broken = project.plan()
    plan.validate(broken)
    assert broken["diagnostics"]


def as_editors_read(text: str) -> object:
    """A YAML 1.2 file, with numbers as an editor's parser makes them."""

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - as the base class has it

    Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(?:~|null|)$"), ["~", "n", ""])
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), ["t", "f"])
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+\.[0-9]*$"), list("-+0123456789")
    )
    return yaml.load(text, Loader)


# A pattern binds no numbers: an editor that reads +52… and 007 as such passes these, and the tool does not.
LOST_IN_NUMBERS = {"shape-contact-id", "shape-number-no-plus", "shape-revision-leading-zero"}


@pytest.mark.parametrize("kind", ["valid", "invalid"])
def test_an_editor_and_the_tool_agree_on_the_shapes_of_all_cases(kind: str) -> None:
    validator = Draft202012Validator(schema("callplan"))
    pattern = "*.yaml" if kind == "valid" else "shape-*.yaml"
    paths = sorted((Path(__file__).parent / "cases" / kind).glob(pattern))
    assert len(paths) > 30
    passed = {
        path.stem for path in paths if validator.is_valid(as_editors_read(path.read_text(encoding="utf-8-sig")))
    }
    assert passed == ({path.stem for path in paths} if kind == "valid" else LOST_IN_NUMBERS)


# A strict validator (Ajv in strict mode) wants the type beside these keywords, or in a schema around them.
KEYWORD_TYPES = {
    "pattern": "string", "minLength": "string", "maxLength": "string", "items": "array", "minItems": "array",
    "maxItems": "array", "uniqueItems": "array", "minimum": "number", "maximum": "number", "required": "object",
}  # fmt: skip


def loose(node: Any, path: str = "", types: frozenset[str] = frozenset()) -> Iterator[str]:
    """Places of a schema that a strict validator does not compile."""
    own = node.get("type", ())
    types = types | ({own} if isinstance(own, str) else set(own))
    types |= {"number"} if "integer" in types else set()
    missing = [name for name in node.get("required", ()) if name not in node.get("properties", {})]
    untyped = [name for name, kind in KEYWORD_TYPES.items() if name in node and kind not in types]
    yield from (f"{path}: {name}" for name in (*missing, *untyped))
    for name in ("properties", "patternProperties", "$defs", "dependentSchemas"):
        for key, inner in node.get(name, {}).items():
            yield from loose(inner, f"{path}/{name}/{key}") if isinstance(inner, dict) else ()
    for name in ("items", "additionalProperties"):
        if isinstance(node.get(name), dict):
            yield from loose(node[name], f"{path}/{name}")
    same = [(name, node[name]) for name in ("if", "then", "else", "contains") if name in node]
    same += [(name, inner) for name in ("allOf", "anyOf", "oneOf") for inner in node.get(name, ())]
    for name, inner in same:
        yield from loose(inner, f"{path}/{name}", types)


@pytest.mark.parametrize("name", schema_names())
def test_a_strict_validator_compiles_it(name: str) -> None:
    assert list(loose(schema(name))) == []
