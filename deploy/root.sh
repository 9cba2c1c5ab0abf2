#!/usr/bin/env bash
# Make a folder that holds a Debian system, whose versions of the engines then live beside this machine's:
#   deploy/root.sh FOLDER [SUITE [PACKAGE...]]
# The suite is trixie if none is given, the packages those of root-packages.txt. Name the folder in ATHANOR_ENGINE_ROOTS.
set -euo pipefail
unset CDPATH
export LC_ALL=C

say() { printf 'root: %s\n' "$*"; }

here=$(dirname "${BASH_SOURCE[0]}")
folder=${1:?name the folder to make} suite=${2:-trixie}
packages=("${@:3}")
if ((${#packages[@]} == 0)); then
  mapfile -t packages < <(sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$here/root-packages.txt")
fi

if [[ -e $folder/etc/debian_version ]]; then
  say "$folder is there, with Debian $(<"$folder/etc/debian_version")"
  exit 0
fi
if ! command -v mmdebstrap >/dev/null; then
  say "install mmdebstrap first, and uidmap where you are not root"
  exit 1
fi

mirror() { # the one this machine uses itself, where it is a Debian
  local ID='' VERSION_CODENAME='' uri keys=/usr/share/keyrings/debian-archive-keyring.gpg
  . /etc/os-release
  [[ $ID == debian && -n $VERSION_CODENAME ]] || return 0
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" \
    'Component: main' | awk '/^http/ && !seen++')
  [[ -n $uri ]] || return 0
  [[ -f $keys ]] && keys="[signed-by=$keys] " || keys=''
  printf 'deb %s%s %s main\n' "$keys" "$uri" "$suite"
}

source=$(mirror)
new=$folder.new
mkdir -p "$(dirname "$folder")"
say "making $folder of $suite with ${#packages[@]} packages"
wanted=$(IFS=, && printf '%s' "${packages[*]}")
rm -rf "$new"
mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --include="$wanted" "$suite" "$new" ${source:+"$source"}
# Engines run as users of their own, who must come in.
chmod 0755 "$new" 2>/dev/null || true
if [[ -x $new/usr/bin/fc-cache && -d /usr/share/fonts ]]; then
  # Its programs are shown this machine's fonts, and would look through all of them at every start.
  bwrap --bind "$new" / --ro-bind /usr/share/fonts /usr/share/fonts --dev /dev --proc /proc \
    --ro-bind /etc/fonts /etc/fonts fc-cache -s || say "no cache of this machine's fonts could be made"
fi
mv -T "$new" "$folder"
say "done; set ATHANOR_ENGINE_ROOTS=$(realpath "$folder")"
