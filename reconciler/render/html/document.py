"""The frame of the page: which code may run in it, and how untrusted text is inserted."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup

from reconciler.domain.model import JsonObject
from reconciler.render.escape import cut, for_json
from reconciler.render.html.content import PageContent
from reconciler.render.html.table_data import LONGEST

if TYPE_CHECKING:
    from jinja2 import Environment

_STYLES = ("base", "summary", "tools", "sheet", "print")
SCRIPTS = (
    *("data", "time", "columns", "query", "search", "load", "chart", "origins"),
    *("sheet", "cells", "tip", "panel", "filters", "links", "page"),
)


def fill(content: PageContent) -> str:
    """The template filled with the content, the styles and the scripts."""
    style, script = "".join(asset(f"{name}.css") for name in _STYLES), _script()
    page = _environment().get_template("report.html.jinja")
    return page.render(
        content=content,
        frame=content.frame,
        book=content.book,
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        data=embedded(content.data),
    )


def printable(value: object) -> object:
    """A value as the template prints it: visible characters only, and cut; it is escaped afterwards."""
    return value if isinstance(value, Markup | int | float) else cut(str(value), LONGEST)


def embedded(document: JsonObject) -> Markup:
    """JSON for a ``script`` element with data: no text in it can end the element or start a comment.

    ``<``, ``>`` and ``&`` occur only in strings, where JSON allows escapes for them.
    """
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        written = written.replace(char, f"\\u{ord(char):04x}")
    return Markup(for_json(written))  # noqa: S704 - just escaped


def asset(name: str) -> str:
    """One of our own files that is included in the page."""
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _script() -> str:
    """All scripts as one, in their own scope."""
    return '"use strict";\n{\n' + "\n".join(asset(f"{name}.js") for name in SCRIPTS) + "}\n"


def _policy(style: str, script: str) -> str:
    """A Content Security Policy that allows only our own styles and scripts, by hash, and no requests."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - 40 ms, for a page

    return Environment(
        loader=PackageLoader("reconciler.render.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
