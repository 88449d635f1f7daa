# SPDX-License-Identifier: Apache-2.0
# bash completion for cmp-server. What there is to complete is what `cmp-server --help` prints.

_cmp_server() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} options

    COMPREPLY=()
    options=$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\)/\1/p') || return 0
    if [[ $prev == -* ]] && grep -q -e "^$prev [A-Z]" <<<"$options"; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -e '^--[a-z-]+' <<<"$options")" -- "$cur")
    fi
}

complete -o filenames -F _cmp_server cmp-server
