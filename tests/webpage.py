"""The report in HTML, read by a parser that knows nothing of how it was made."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "script", "noscript", "template"),
    *("header", "main", "section", "footer", "div", "p", "h1", "h2", "h3", "span", "b", "small"),
    *("code", "pre", "del", "ins"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li", "dl", "dt", "dd"),
    *("a", "details", "summary", "label", "input", "select", "option", "button", "kbd", "svg", "dialog"),
}
VOID = {"meta", "input"}
RUN = "text/javascript"


class WebPage(HTMLParser):
    """``tags`` and ``texts`` of the page, what its links lead to, and its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.comments: list[str] = []
        self.handlers: set[str] = set()
        self.targets: set[str] = set()
        self.headings: list[str] = []
        self.policy = ""
        self.title = ""
        self.raw: dict[str, list[str]] = {}
        self.text = ""
        self._open: list[str] = []
        self._kind = ""
        self.feed(html)
        self.close()
        assert self._open == [], f"left open: {self._open}"
        self.data: Any = json.loads("".join(self.raw["application/json"]))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs), attrs
        self.tags.add(tag)
        self.handlers |= {name for name in given if name.startswith("on") or name in {"style", "srcdoc"}}
        links = ("href", "src", "action", "formaction", "data", "poster", "background", "srcset", "xlink:href")
        self.targets |= {given[name] or "" for name in links if name in given}
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag in {"script", "style"}:
            self._kind = given.get("type") or {"script": RUN, "style": "text/css"}[tag]
            self.raw.setdefault(self._kind, []).append("")
        if tag in {"h2", "h3"}:
            self.headings.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"script", "style"}:
            self.raw[self._kind][-1] += data
            return
        if {"h2", "h3"} & set(self._open):
            self.headings[-1] += data
        if self._open[-1:] == ["title"]:
            self.title += data
        self.text += data
