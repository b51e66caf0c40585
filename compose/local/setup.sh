#!/usr/bin/env bash
# Sets up what is missing, and nothing that is there: Debian packages, the virtual environment, the jars.
#
#   compose/local/setup.sh [dev]      dev: also what the tests and checks need
#
# A second call does nothing and takes a fraction of a second. Progress goes to standard error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
extras="${1:-}"
local_folder="${CDC_LOCAL:-$PWD/.local}"
jars="${CDC_JARS:-$PWD/.local/jars}"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

missing_packages() {
    command -v java >/dev/null || echo default-jre-headless
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || echo mariadb-server
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || echo postgresql
    # Maven is needed only as long as the jars are not there.
    jars_complete || command -v mvn >/dev/null || echo maven
    # Debian ships venv apart from Python; an environment that is there no longer needs it.
    [ -x .venv/bin/python ] || python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
    # The tests let the clock jump.
    [ "$extras" != dev ] || command -v faketime >/dev/null || echo faketime
    command -v flock >/dev/null && command -v unshare >/dev/null || echo util-linux
}

jars_complete() { [ "$(cat "$jars/complete" 2>/dev/null)" = "$(digest compose/pom.xml)" ]; }
digest() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

install_packages() {
    local packages
    packages=$(missing_packages | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    local command="apt-get install -y --no-install-recommends ${packages% }"
    command -v apt-get >/dev/null || fail "Missing: ${packages% }. There is no apt-get here: install what these Debian packages hold, then start again."
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || fail "Missing Debian packages: ${packages% }. Install them, then start again:  sudo $command"
        as_root=(sudo -n env)
    fi
    say "Installing Debian packages: ${packages% }"
    local log="$local_folder/log/apt.log"
    # Without the lock: a server that a package starts would keep it for as long as it runs.
    "${as_root[@]}" apt-get update >"$log" 2>&1 9>&- || fail "apt-get update failed (see $log); then start again."
    # shellcheck disable=SC2086 # the command is a list of words
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command >>"$log" 2>&1 9>&- ||
        fail "This failed (see $log); run it by hand, then start again:  $command"
}

make_environment() {
    local wanted
    wanted=$(digest pyproject.toml)
    local stamp=".venv/installed-${extras:-base}"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed, $(python3 --version) is here."
    # A half-made environment (an earlier call was interrupted) has no pip that works: make it again.
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "Making the virtual environment .venv"
        rm -rf .venv
        python3 -m venv .venv || fail "The virtual environment could not be made; remove .venv and start again."
    fi
    say "Installing the project into .venv${extras:+ with [$extras]}"
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".${extras:+[$extras]}" >&2 ||
        fail "pip could not install the project; its message stands above."
    echo "$wanted" >"$stamp"
}

fetch_jars() {
    jars_complete && return 0
    say "Fetching the jars of Kafka, Connect and Debezium (once, about 120 MB)"
    local log="$local_folder/log/maven.log"
    rm -rf "$jars.new"
    # A failed look-up is cached by Maven: the second try asks again.
    mvn -q -B -f compose/pom.xml -Djars="$jars.new" process-resources >"$log" 2>&1 ||
        mvn -q -B -U -f compose/pom.xml -Djars="$jars.new" process-resources >>"$log" 2>&1 ||
        fail "Maven could not fetch the jars (see $log); check the connection to Maven Central, then start again."
    rm -rf "$jars"
    digest compose/pom.xml >"$jars.new/complete"
    mv "$jars.new" "$jars"
}

mkdir -p "$local_folder/log" "$(dirname "$jars")"
if command -v flock >/dev/null; then
    exec 9>"$local_folder/setup.lock"
    flock -n 9 || { say "Another set-up is at work here; waiting for it."; flock 9; }
fi
install_packages
make_environment
fetch_jars
