#!/usr/bin/env bash
# Fetches a MySQL server for the tests and says how it is run, unless one is there.
#
#   compose/local/mysql.sh      prints the words that begin the command of `mysqld`, one a line
#
# Debian keeps MySQL in its suite sid only, and nothing of that may be installed beside another suite: the packages and
# all libraries that they need, the C library included, are unpacked into a folder of their own, and the server is run by
# the loader that lies there. Where the packages come from is where this machine's own packages come from, and they are
# held against the same signatures. A second call does nothing; CDC_MYSQL is the folder, for the clones of one machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root="${CDC_MYSQL:-$PWD/.local/mysql}"
package=mysql-server-core
log="$PWD/.local/log/mysql.log"
way_out="The tests of MySQL need its server, 9.7 or later: put a mysqld of it on the PATH and start again, or leave those tests out (-m 'not slow')."

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; say "$way_out"; exit 1; }

own_server() { mysqld --version 2>/dev/null | grep -v MariaDB | grep -qE 'Ver (9\.([7-9]|[1-9][0-9])|[1-9][0-9])' && command -v mysqld; }

# The places of Debian's main archive, as this machine has it: neither its updates nor its security fixes have the suite.
archives() {
    # shellcheck disable=SC2016 # the words are apt's
    apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's/^Debian Debian main //p' | sort -u
}

apt=(-o "Dir::Etc::sourcelist=$root.new/apt/sid.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$root.new/apt/lists" -o "Dir::Cache=$root.new/apt/cache" -o APT::Sandbox::User=root)

needed() {
    local wanted
    # Perl is for scripts around the server.
    wanted=$(apt-cache "${apt[@]}" depends --important "$package" | sed -n 's/^ *Depends: //p' | grep -v perl)
    # shellcheck disable=SC2086 # a list of words
    apt-cache "${apt[@]}" depends --recurse --important $wanted | grep -E '^[a-z]' | sort -u
}

unpack() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg archive
    archive=$(archives | head -n 1)
    [ -n "$archive" ] || fail "This machine has no packages of Debian's main archive: there is nowhere to take MySQL from."
    rm -rf "$root.new"
    mkdir -p "$root.new/apt/lists/partial" "$root.new/apt/cache/archives/partial" "$root.new/apt/debs" "$(dirname "$log")"
    echo "deb [signed-by=$keyring] $archive sid main" >"$root.new/apt/sid.list"
    say "Fetching a MySQL server of Debian's suite sid, with its libraries (once, about 60 MB)"
    apt-get "${apt[@]}" update --error-on=any >"$log" 2>&1 || fail "The suite sid is not to be had from $archive (see $log)."
    # shellcheck disable=SC2046 # a list of words
    (cd "$root.new/apt/debs" && apt-get "${apt[@]}" download "$package" $(needed)) >>"$log" 2>&1 ||
        fail "The packages of MySQL could not be fetched from $archive (see $log)."
    local deb
    for deb in "$root.new"/apt/debs/*.deb; do dpkg-deb --extract "$deb" "$root.new"; done
    rm -rf "$root.new/apt"
    touch "$root.new/complete"
    rm -rf "$root"
    mv "$root.new" "$root"
}

if own=$(own_server); then
    printf '%s\n' "$own" --no-defaults
    exit 0
fi
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
[ -e "$root/complete" ] || unpack
libraries=$(dirname "$(find "$root" -name libc.so.6 | head -n 1)")
loader=$(find "$root" -name 'ld-linux*.so.*' | head -n 1)
printf '%s\n' "$loader" --library-path "$libraries" "$root/usr/sbin/mysqld" --no-defaults "--basedir=$root/usr" \
    "--lc-messages-dir=$root/usr/share/mysql"
