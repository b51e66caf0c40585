# Sourced by the entrypoints of both database images when they make a server: runs its accounts.sql with the variables
# of the container in the places of their names. `docker_process_sql` is the entrypoint's own.
# shellcheck shell=bash
filled_accounts() {
    local text name
    text=$(<"${CDC_ACCOUNTS:-/etc/cdc/accounts.sql}")
    for name in $(grep -o '${[A-Z_]*}' <<<"$text" | tr -d '${}' | sort -u); do
        text=${text//"\${$name}"/"${!name:?}"}
    done
    printf '%s\n' "$text"
}
filled_accounts | docker_process_sql
