# SPDX-License-Identifier: Apache-2.0
# bash completion for cmp-bench. What there is to complete is what `cmp-bench --help` prints: for each command a line of
# two blanks, command and options; for each workload a line of four blanks and its name.

_cmp_bench() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local help commands row='' value='' i

    COMPREPLY=()
    help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return 0
    commands=$(sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' <<<"$help")
    for ((i = 1; i < COMP_CWORD && ${#row} == 0; i++)); do
        row=$(sed -n "s/^  ${COMP_WORDS[i]//[^a-z]/.} //p" <<<"$help")
    done
    if [[ $prev == -* ]]; then
        value=$(sed -n "s/.*$prev \([A-Z][A-Z]*\).*/\1/p" <<<"$row" | head -n 1)
    fi
    case $value in
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    FILE) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    NAME) mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^    \([a-z0-9-]*\)  *.*/\1/p' <<<"$help")" -- "$cur") ;;
    '')
        if [[ $cur == -* ]]; then
            commands="--help --json --version $(grep -oE -e '--[a-z][a-z-]*' <<<"$row")"
        elif [[ -n $row ]]; then
            commands=
        fi
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
        ;;
    esac
}

complete -o filenames -F _cmp_bench cmp-bench
