"""What GitHub would make of Markdown: rendered by its own fork of cmark, and taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from cmarkgfm import cmark

_ALERT = re.compile(r"<blockquote>\n<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n")
_EXTENSIONS = ["table", "autolink", "strikethrough", "tasklist"]
_OPTIONS = cmark.Options.CMARK_OPT_UNSAFE | cmark.Options.CMARK_OPT_FOOTNOTES


@dataclass
class Page(HTMLParser):
    """``codes`` are the texts in code, ``bare`` the text outside of it, which GitHub searches for mentions,
    references, emoji and formulas; ``tags`` all elements, ``attributes`` what they carry; ``alerts`` the kinds of
    alerts, which cmark leaves as quotes."""

    markdown: str
    tags: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    codes: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    bare: str = ""
    _inside: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.html = cmark.markdown_to_html_with_extensions(self.markdown, _OPTIONS, _EXTENSIONS)
        self.alerts = _ALERT.findall(self.html)
        self.html = _ALERT.sub("<blockquote>\n<p>", self.html)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not self._inside, f"<{tag}> in code"
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag == "code":
            self._inside = True
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.codes[-1] += data
        else:
            self.bare += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)
