#!/usr/bin/env bash
# A throw-away PostgreSQL on loopback, for tests only: anybody on this machine may connect.
#
#   .ci/postgres.sh start DIR           make a cluster in DIR, start it, print its URL on stdout
#   .ci/postgres.sh stop DIR            stop it and delete what start made
#   .ci/postgres.sh run COMMAND [ARG…]  start in a temporary folder, run the command with
#                                       VARCO_TEST_POSTGRES set to the URL, stop in any case
#
# The server binaries are taken from PATH or from Debian's /usr/lib/postgresql (package `postgresql`).
# PostgreSQL refuses to run as root, so root lends it a user of its own.
set -euo pipefail
shopt -s inherit_errexit

main() {
    case "${1:-}/$#" in
    start/2) start "$2" ;;
    stop/2) stop "$2" ;;
    run/1) usage ;;
    run/*) run "${@:2}" ;;
    *) usage ;;
    esac
}

start() {
    local dir=$1 initdb port output
    initdb=$(binary initdb)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    [[ -z $(ls -A "$dir") ]] || fail "$dir is not empty: stop the server in it, or choose another folder"
    if ((EUID == 0)); then
        id -u "$owner" >/dev/null 2>&1 || useradd --system --user-group --no-create-home "$owner"
        chown "$owner:" "$dir"
        as_owner test -w "$dir" || fail "user $owner cannot enter $dir: choose a folder that it can reach"
    fi
    # Order by byte, as SQLite does: both databases then sort text alike.
    output=$(as_owner "$initdb" --pgdata="$dir" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C 2>&1) || fail "initdb failed: $output"
    # Only binding tells whether a port is free. These lie below the ports that the kernel gives to clients.
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        if serve "$dir" "$port"; then
            echo "postgres://postgres@127.0.0.1:$port/postgres"
            return
        fi
        grep -q 'could not bind' "$dir/server.log" || break
    done
    cat "$dir/server.log" >&2
    fail "PostgreSQL did not start"
}

# Loopback only, and no socket file: its path would have to be short. A commit is durable, as in production.
serve() {
    local dir=$1 port=$2 pg_ctl settings
    pg_ctl=$(binary pg_ctl)
    settings="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=on -c max_connections=200"
    as_owner "$pg_ctl" start --pgdata="$dir" --log="$dir/server.log" --silent --wait \
        --timeout=60 --options="$settings" </dev/null >/dev/null 2>&1
}

stop() {
    local dir=$1 pg_ctl
    pg_ctl=$(binary pg_ctl)
    [[ -e $dir/PG_VERSION ]] || fail "$dir holds no PostgreSQL cluster"
    dir=$(cd "$dir" && pwd -P)
    if as_owner "$pg_ctl" status --pgdata="$dir" >/dev/null; then
        as_owner "$pg_ctl" stop --pgdata="$dir" --mode=immediate --silent --wait >&2
    fi
    rm -rf "$dir"
}

run() {
    local dir
    dir=$(mktemp -d "${TMPDIR:-/tmp}/varco-postgres.XXXXXX")
    # shellcheck disable=SC2064 # the folder of now is meant
    trap "[[ ! -e '$dir/PG_VERSION' ]] || stop '$dir'; rm -rf '$dir'" EXIT
    VARCO_TEST_POSTGRES=$(start "$dir")
    export VARCO_TEST_POSTGRES
    "$@"
}

# The newest server of Debian's folders, unless PATH names one.
binary() {
    local found
    found=$(command -v "$1" || find /usr/lib/postgresql/*/bin -name "$1" 2>/dev/null | sort -V | tail -n 1 || true)
    [[ -n $found ]] || fail "no $1 in PATH or /usr/lib/postgresql: install the Debian package 'postgresql'"
    echo "$found"
}

as_owner() {
    if ((EUID == 0)); then
        (cd / && setpriv --reuid="$owner" --regid="$owner" --init-groups env HOME=/nonexistent "$@")
    else
        (cd / && "$@")
    fi
}

usage() {
    sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

fail() {
    echo "postgres.sh: $*" >&2
    exit 1
}

owner=postgres
main "$@"
