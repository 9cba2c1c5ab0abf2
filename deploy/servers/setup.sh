#!/usr/bin/env bash
# Install the storage servers that tests and benchmarks run against. Safe to repeat: does nothing where nothing is missing.
set -euo pipefail
unset CDPATH
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

HERE=deploy/servers
THERE=var/servers
UV=(.venv/bin/python -m uv)
declare -A SERVICES=([openssh-server]=ssh)

say() { printf 'servers: %s\n' "$*"; }

system_packages() {
  local name missing=() root=(env)
  while read -r name; do
    [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null) == ?i* ]] || missing+=("$name")
  done < <(sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$HERE/packages.txt")
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || root=(sudo)
  say "apt-get install ${missing[*]}"
  "${root[@]}" apt-get -qq update || say "apt-get update had trouble; going on with the lists there are"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -y -qq \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 install --no-install-recommends "${missing[@]}" >/dev/null
  # Tests start their own: none of them is to listen on this machine.
  if [[ -d /run/systemd/system ]]; then
    for name in "${missing[@]}"; do
      "${root[@]}" systemctl --quiet disable --now "${SERVICES[$name]:-$name}" 2>/dev/null || true
    done
  fi
}

python_servers() {
  local stamp=$THERE/python/.made-from wanted
  wanted=$(sha256sum "$HERE/requirements.txt"; .venv/bin/python -V)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  say "making an environment for the servers written in Python"
  [[ -x $THERE/python/bin/python ]] || "${UV[@]}" venv --quiet --python .venv/bin/python "$THERE/python"
  UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$(.venv/bin/python -m pip config list | sed -n "s/.*\.index-url='\(.*\)'/\1/p" | tail -n 1)}
  if [[ -n $UV_DEFAULT_INDEX ]]; then export UV_DEFAULT_INDEX; else unset UV_DEFAULT_INDEX; fi
  UV_SYSTEM_CERTS=true "${UV[@]}" pip install --quiet --python "$THERE/python/bin/python" -r "$HERE/requirements.txt"
  printf '%s' "$wanted" >"$stamp"
}

node_servers() {
  local stamp=$THERE/node/.made-from wanted
  wanted=$(sha256sum "$HERE/package.json")
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  say "installing the servers written for Node"
  mkdir -p "$THERE/node"
  cp "$HERE/package.json" "$THERE/node/"
  PATH=$PWD/$THERE/python/bin:$PATH NODE_USE_SYSTEM_CA=1 \
    npm --prefix "$THERE/node" install --silent --no-audit --no-fund
  printf '%s' "$wanted" >"$stamp"
}

mkdir -p "$THERE"
exec 9>"$THERE/.lock"
flock 9
system_packages
python_servers
[[ ! -f $HERE/package.json ]] || node_servers
