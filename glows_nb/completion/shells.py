"""Tab in bash, zsh and fish for `glows-nb`: click's scripts, and what these shells need besides.

Click asks by the variable _GLOWS_NB_COMPLETE; `register` puts these classes in the place of its own, in the process of
`glows-nb` alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Any, Final

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from glows_nb.completion.line import Unfinished, completions, quoted, unfinished
from glows_nb.completion.refresh import Source, in_process

SHELLS: Final = ("bash", "zsh", "fish")

BASH_SCRIPT: Final = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    COMPREPLY=()
    while read -r line; do
        case "$line" in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*:) compopt -o nospace; COMPREPLY+=("${line#plain,}") ;;
            plain,*) COMPREPLY+=("${line#plain,}") ;;
        esac
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
"""The line is given as it was typed: of the words that bash makes of it the quotes and `=` can't be told any more."""


ZSH_SCRIPT: Final = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local line word
    local -a response words_found abouts shown
    local -i widest=0 i
    (( $+commands[%(prog_name)s] )) || return 1
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")
    for line in $response; do
        case "$line" in
            dir$'\\t'*) _path_files -/ ;;
            file$'\\t'*) _path_files ;;
            plain$'\\t'*)
                line="${line#*$'\\t'}"
                word="${line%%%%$'\\t'*}"
                words_found+=("$word")
                abouts+=("${line#*$'\\t'}")
                (( $#word > widest )) && widest=$#word
                ;;
        esac
    done
    (( $#words_found )) || return
    for (( i = 1; i <= $#words_found; i++ )); do
        line="${(r:$widest:)words_found[i]}${abouts[i]:+  -- $abouts[i]}"
        shown+=("$line[1,COLUMNS - 1]")
    done
    compadd -U -V words -l -d shown -a words_found
    if [[ ${(L)compstate[unambiguous]} != ${(L)PREFIX}* ]] && (( $#words_found > 1 )); then
        compstate[insert]=
        compstate[list]='list force'
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
"""Zsh would put in what several words have in common even where that is less than what was typed."""

FISH_SCRIPT: Final = """\
function %(complete_func)s
    set -l response (COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -t) \\
        %(complete_var)s=fish_complete %(prog_name)s 2>/dev/null)
    for completion in $response
        set -l parts (string split --max 1 , -- $completion)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                printf '%%s\\n' $parts[2]
        end
    end
end

complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""
"""Click's own would cut what is said about a word at its first comma."""


class Bash(BashComplete):
    """Bash puts in what it is given as it is, so words with spaces come in quotes."""

    source_template = BASH_SCRIPT

    def complete(self) -> str:
        """What can follow, in the form that the script reads."""
        _, _, typed = os.getenv("COMP_LINE", "").lstrip().partition(" ")
        line = unfinished(typed)
        items = _completions(self.cli, self.prog_name, line)
        words = [str(item.value) for item in items if item.type == "plain"]
        words = [_within(word, line.quote) for word in words]
        # Bash would put in what several words have in common, even where that is less than what was typed.
        if len(words) > 1 and not all(word.lstrip("'").lower().startswith(line.value.lower()) for word in words):
            words.append(line.value if line.quote else line.fragment)
        others = [self.format_completion(item) for item in items if item.type != "plain"]
        return "\n".join([*others, *(f"plain,{word}" for word in words)])


class Zsh(ZshComplete):
    """Zsh writes quotes by itself; of `--gpu=H1` it replaces the whole."""

    source_template = ZSH_SCRIPT

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What can follow."""
        return _with_option(self.cli, self.prog_name, args, incomplete)

    def format_completion(self, item: CompletionItem[str]) -> str:
        """A line: the kind of word, the word, and what is said about it."""
        return f"{item.type}\t{item.value}\t{item.help or ''}"


class Fish(FishComplete):
    """Fish writes quotes by itself; of `--gpu=H1` it replaces the whole."""

    source_template = FISH_SCRIPT

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """What can follow."""
        return _with_option(self.cli, self.prog_name, args, incomplete)


def register() -> None:
    """Let click answer the shells by these classes."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)


def script(shell: str, commands: click.Group, name: str) -> str:
    """The text that makes a shell complete a program."""
    classes: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}
    context: MutableMapping[str, Any] = {}
    return classes[shell](commands, context, name, _variable(name)).source()


def is_completing(name: str) -> bool:
    """Was this process of a program started for a Tab?"""
    return os.getenv(_variable(name)) is not None


def _variable(name: str) -> str:
    return f"_{name.replace('-', '_')}_COMPLETE".upper()


def _within(word: str, quote: str) -> str:
    """The word as bash reads it behind the quotation mark that is open: a name that is a command to it is none here."""
    if not quote:
        return quoted(word, "'" if re.search(r"\s", word) else "")
    if quote == '"':
        # An exclamation mark can't be escaped there, and would bring a line of the history back.
        inner = re.sub(r'[\\"$`]', lambda sign: f"\\{sign[0]}", word).replace("!", "\"'!'\"")
    else:
        inner = word.replace("'", "'\\''")
    # Bash closes the quotes by itself, but where the last sign is such a mark.
    return f"{inner}{quote}" if inner.endswith(quote) else inner


def _completions(cli: click.Command, name: str, line: Unfinished) -> list[CompletionItem[str]]:
    return completions(cli, name, line, Source(in_process)) if isinstance(cli, click.Group) else []


def _with_option(cli: click.Command, name: str, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
    option, equals, value = incomplete.partition("=")
    if not equals or not re.fullmatch(r"--[\w-]+", option):
        return _completions(cli, name, Unfinished(tuple(args), incomplete, incomplete, ""))
    items = _completions(cli, name, Unfinished((*args, option), value, value, ""))
    return [CompletionItem(f"{option}={item.value}", type=item.type, help=item.help) for item in items]
