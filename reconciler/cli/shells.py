"""How shells ask for completions, where click does not fit our words: addresses hold colons and ``@``."""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

VARIABLE = "_RECONCILER_COMPLETE"

_BASH = r"""
%(complete_func)s() {
    local IFS=$'\n'
    local line="${COMP_LINE:0:COMP_POINT}" completion type value
    # Readline replaces only what follows the last of its word breaks, with that itself where it is an @.
    local word="${line##*[[:space:]]}"
    local before="${word%%"${word##*[$COMP_WORDBREAKS]}"}"
    before="${before%%@}"

    for completion in $(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"

        if [[ $type == 'dir' ]]; then
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("${value#"$before"}")
        fi
    done
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@add_completion_class
class Bash(BashComplete):
    """Gives the command line whole: bash splits words at colons."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        if not words or line[-1].isspace():
            return words, ""
        return words[:-1], words[-1]


class _WholeWord(ShellComplete):
    """For shells that replace the whole word: in ``--format=ma`` that is more than the value click completes."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        option, separator, _ = incomplete.partition("=")
        if separator and option.startswith("--"):
            for item in found:
                item.value = f"{option}={item.value}" if item.type == "plain" else item.value
        return found


@add_completion_class
class Zsh(_WholeWord, ZshComplete):
    """Completes the value in ``--option=value``."""


@add_completion_class
class Fish(_WholeWord, FishComplete):
    """The same, and keeps commas in what is said of a completion."""

    source_template = FishComplete.source_template.replace('split "," ', 'split --max 1 "," ')
