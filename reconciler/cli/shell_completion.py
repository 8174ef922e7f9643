"""Completion in bash, zsh and fish: parse the typed text, and quote values so that the shell does not interpret
them.

Click's own scripts insert values unquoted, split words at colons (which our addresses contain), and expand globs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import Enum

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

VARIABLE = "_RECONCILER_COMPLETE"

# Bash replaces $2, which starts after its last word break, or after an opening quote. So the
# output only continues the text from there, with the same quoting.
_BASH = r"""
%(complete_func)s() {
    local completion
    while IFS= read -r completion; do
        case $completion in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("$2${completion#plain,}") ;;
        esac
    done < <(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

# compadd quotes what it inserts, like the start of the word.
_ZSH = r"""
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response values shown
    local type value text
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${(j: :)words[1,CURRENT]}" %(complete_var)s=zsh_complete %(prog_name)s)}")
    for type value text in "${response[@]}"; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) values+=("$value"); shown+=("$text") ;;
        esac
    done
    (( $#values )) && compadd -U -V unsorted -l -d shown -a -- values
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

# Fish quotes what it inserts, like the start of the word.
_FISH = r"""
function %(complete_func)s
    set -lx COMP_WORDS (commandline -cp | string collect)
    set -lx %(complete_var)s fish_complete
    for completion in (%(prog_name)s)
        set -l parts (string split --max 1 "," -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                printf '%%s\n' $parts[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Quote(Enum):
    """The quoting at the position after the last character."""

    NONE = ""
    SINGLE = "'"
    DOUBLE = '"'


_OPENING = {quote.value: quote for quote in (_Quote.SINGLE, _Quote.DOUBLE)}
_ACTIVE = {
    _Quote.NONE: frozenset("$`()<>;&|*?[]{}!^#"),
    _Quote.DOUBLE: frozenset("$`!"),
    _Quote.SINGLE: frozenset(),
}
_ESCAPED = {_Quote.DOUBLE: frozenset('$`"\\'), _Quote.SINGLE: frozenset()}
_ESCAPED_IN_FISH = {_Quote.DOUBLE: frozenset('$"\\'), _Quote.SINGLE: frozenset("'\\")}


@dataclass(slots=True)
class _Typed:
    """A command line up to the cursor: its words without quotes, the last one unfinished.

    ``literal``: the last word stands for its own text. Otherwise nothing is offered, because the result of ``$(``,
    ``~`` or ``*`` is not known here.
    """

    words: list[str]
    quote: _Quote
    literal: bool

    @classmethod
    def parse(cls, line: str, *, fish: bool = False) -> _Typed:
        escaped = _ESCAPED_IN_FISH if fish else _ESCAPED
        typed = cls([""], _Quote.NONE, literal=True)
        rest = iter(line)
        for character in rest:
            if character == "\\" and (fish or typed.quote is not _Quote.SINGLE):
                following = next(rest, None)
                typed._escape(following, escaped.get(typed.quote))
            elif typed.quote is _Quote.NONE and character.isspace():
                typed._start_word()
            elif character == typed.quote.value:
                typed.quote = _Quote.NONE
            elif typed.quote is _Quote.NONE and character in _OPENING:
                typed.quote = _OPENING[character]
            else:
                home = character == "~" and typed.quote is _Quote.NONE
                typed.literal = typed.literal and not home and character not in _ACTIVE[typed.quote]
                typed.words[-1] += character
        return typed

    def _start_word(self) -> None:
        if self.words[-1]:
            self.words.append("")
        self.literal = True

    def _escape(self, following: str | None, escaped: frozenset[str] | None) -> None:
        """A backslash and the character after it: the backslash stays if the quoting gives it no meaning."""
        if following is None:
            self.literal = False
        elif escaped is None or following in escaped:
            self.words[-1] += following
        else:
            self.words[-1] += f"\\{following}"


class _Safe(ShellComplete):
    """Offers the whole word, and only words that are printable and that a command accepts as a value."""

    _fish = False
    _typed: _Typed

    def get_completion_args(self) -> tuple[list[str], str]:
        self._typed = _Typed.parse(os.environ["COMP_WORDS"], fish=self._fish)
        return self._typed.words[1:-1], self._typed.words[-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        if not self._typed.literal:
            return []
        option, separator, _ = incomplete.partition("=")
        start = f"{option}=" if separator and option.startswith("--") else ""
        found = super().get_completions(args, incomplete)
        for item in found:
            item.value = f"{start}{item.value}" if item.type == "plain" else item.value
        return [item for item in found if _is_safe(item.value, incomplete)]


def _is_safe(value: str, incomplete: str) -> bool:
    """Whether it continues the typed text, is printable, and is not an option that was not started."""
    begun = value.startswith(incomplete) and (incomplete.startswith("-") or not value.startswith("-"))
    return begun and value.isprintable()


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


@add_completion_class
class Bash(_Safe, BashComplete):
    """Bash inserts completions unquoted, so they are quoted here."""

    source_template = _BASH

    def source(self) -> str:
        """The script. Click would start bash to find its version."""
        return ShellComplete.source(self)

    def format_completion(self, item: CompletionItem[str]) -> str:
        more = item.value[len(self._typed.words[-1]) :]
        return f"{item.type},{quote_for_bash(more, self._typed.quote)}"


def quote_for_bash(text: str, quote: _Quote) -> str:
    """``text`` as it continues within ``quote``. History expansion (``!``) also works inside double quotes."""
    match quote:
        case _Quote.SINGLE:
            return text.replace("'", "'\\''")
        case _Quote.DOUBLE:
            return re.sub(r'([$`"\\])', r"\\\1", text).replace("!", "\"'!'\"")
        case _:
            return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)


@add_completion_class
class Zsh(_Safe, ZshComplete):
    """Three lines for each: its type, its value, and its label."""

    source_template = _ZSH

    def format_completion(self, item: CompletionItem[str]) -> str:
        text = f"{item.value}  -- {_shown(item.help)}" if item.help else item.value
        return f"{item.type}\n{item.value}\n{text}"


@add_completion_class
class Fish(_Safe, FishComplete):
    """One line for each: its type, its value, and its description."""

    source_template = _FISH
    _fish = True

    def format_completion(self, item: CompletionItem[str]) -> str:
        text = f"\t{_shown(item.help)}" if item.help else ""
        return f"{item.type},{item.value}{text}"
