"""Scripts by which shells complete the commands when the tab key is pressed.

They hold everything: no Python runs then.
"""

from collections.abc import Iterable

from ._offered import Option
from ._umbrella import COMMANDS, WITHIN


def bash(known: dict[str, list[Option]]) -> str:
    """The script for bash."""
    return f"""# Completion of COMEDIAN's commands, for bash: eval "$(comedian completion bash)"
{_words(known)}
_comedian() {{
    local name=${{1##*/}} word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words
    if [[ $word == = ]]; then word=
    elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    [[ $name == comedian && $COMP_CWORD -gt 1 ]] && name=${{COMP_WORDS[1]}}
    words=$(_comedian_words "$name" "$before" "$word")
    COMPREPLY=()
    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -o bashdefault -o default -F _comedian comedian {" ".join(COMMANDS)}
"""


def zsh(known: dict[str, list[Option]]) -> str:
    """The script for zsh."""
    names = " ".join(("comedian", *COMMANDS))
    return f"""# Completion of COMEDIAN's commands, for zsh: eval "$(comedian completion zsh)"
{_words(known)}
_comedian() {{
    local name=${{words[1]:t}} word=${{words[CURRENT]}} before=${{words[CURRENT-1]}}
    local -a found
    [[ $name == comedian && $CURRENT -gt 2 ]] && name=${{words[2]}}
    found=(${{(f)"$(_comedian_words "$name" "$before" "$word")"}})
    (( $#found )) && compadd -- $found || _files
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef _comedian {names}
"""


def fish(known: dict[str, list[Option]]) -> str:
    """The script for fish."""
    lines = ["# Completion of COMEDIAN's commands, for fish: comedian completion fish | source"]
    for name, about in (COMMANDS | WITHIN).items():
        lines.append(f"complete -c comedian -n __fish_use_subcommand -f -a {name} -d {_quoted(about)}")
        seen = f"comedian -n '__fish_seen_subcommand_from {name}'"
        programs = [seen, *([name] if name in COMMANDS else [])]
        lines += [
            f"complete -c {program}{_for_fish(option)}" for program in programs for option in known[name]
        ]
    shells = _quoted(" ".join(SHELLS))
    lines.append(f"complete -c comedian -n '__fish_seen_subcommand_from completion' -f -a {shells}")
    return "\n".join(lines) + "\n"


def _words(known: dict[str, list[Option]]) -> str:
    """A function of any POSIX shell: what may stand somewhere, by command, word before and word.

    It says nothing where a file may.
    """
    everything = (*COMMANDS, *WITHIN, "--help", "--version")
    cases = [f"'comedian comedian '*) {_said(everything)} ;;"]
    cases.append(f"'completion completion '[!-]*|'completion completion ') {_said(SHELLS)} ;;")
    for name, some in known.items():
        for item in some:
            if item.takes_value:
                places = "|".join(f"'{name} {one} '*" for one in item.names)
                cases.append(f"{places}) {_said(item.values)} ;;")
        cases.append(f"'{name} '*' -'*) {_said(one for item in some for one in item.names)} ;;")
    body = "\n".join(f"        {case}" for case in cases)
    return f"""_comedian_words() {{
    case "$1 ${{2##*/}} $3" in
{body}
    esac
}}"""


def _said(words: Iterable[str]) -> str:
    text = " ".join(words)
    return f"printf '%s\\n' {text}" if text else ":"


def _for_fish(option: Option) -> str:
    """The rest of a line for fish."""
    named = [f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names]
    values = " -r" * option.takes_value + " -f" * (not option.takes_file)
    values += f" -a {_quoted(' '.join(option.values))}" if option.values else ""
    return f"{''.join(named)}{values} -d {_quoted(option.about)}"


def _quoted(text: str) -> str:
    """A text in the single quotes of fish."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
