# SPDX-License-Identifier: Apache-2.0
# bash completion for cmp-admin. What there is to complete is what `cmp-admin --help` prints: the usage, then for each
# command a line of two blanks, command, verb (or none) and arguments.

# Of the text on stdin, what stands behind an option: FILE behind --out, nothing behind --json.
_cmp_admin_value() {
    sed -n "s/.*$1 \([A-Z][A-Z]*\).*/\1/p" | head -n 1
}

# Sets `plain`: the words before the cursor that are neither options nor values of options.
_cmp_admin_plain() {
    local i

    plain=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            plain+=("${COMP_WORDS[i]}")
        elif [[ -n $(_cmp_admin_value "${COMP_WORDS[i]}" <<<"$help") ]]; then
            ((i += 1))
        fi
    done
}

_cmp_admin() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local help usage rows verbs value='' words='' plain

    COMPREPLY=()
    help=$("${COMP_WORDS[0]}" --help 2>/dev/null) || return 0
    usage=$(sed '/^  [a-z]/,$d; / init /d' <<<"$help")
    rows=$(sed -n 's/^  \([a-z]\)/\1/p' <<<"$help")
    _cmp_admin_plain

    # The rows that are left, and the words that may come next.
    if ((${#plain[@]} == 0)); then
        words=$(awk '{ print $1 }' <<<"$rows" | sort -u)
        rows=
    else
        rows=$(awk -v c="${plain[0]}" '$1 == c' <<<"$rows")
        verbs=$(awk '$2 ~ /^[a-z]/ { print $2 }' <<<"$rows")
        if [[ -n $verbs ]] && ((${#plain[@]} == 1)); then
            words=$verbs
            rows=
        elif [[ -n $verbs ]]; then
            rows=$(awk -v v="${plain[1]}" '$2 == v' <<<"$rows")
            if ((${#plain[@]} == 2)); then
                value=$(awk '$3 ~ /^[A-Z]/ { print $3 }' <<<"$rows")
            fi
        fi
    fi

    if [[ $prev == -* ]] && [[ -n $(_cmp_admin_value "$prev" <<<"$usage $rows") ]]; then
        value=$(_cmp_admin_value "$prev" <<<"$usage $rows")
        words=
    elif [[ $cur == -* ]]; then
        words=$(grep -oE -e '--[a-z][a-z-]*' <<<"$usage $rows" | sort -u)
        value=
    fi
    case $value in
    DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    FILE | FILE...) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
    esac
}

complete -o filenames -F _cmp_admin cmp-admin
