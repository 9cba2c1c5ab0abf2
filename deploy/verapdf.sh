#!/usr/bin/env bash
# Put veraPDF, which proves that a PDF/A is one, into .venv: by Maven, of a version and a content that are pinned.
# Safe to repeat: does nothing where it lies already. Needs java and mvn (packages.txt).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ARTIFACT=org.verapdf.apps:greenfield-apps:1.28.2
PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.8.1
SUM=687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6
folder=${1:-.venv/share/verapdf}

is_ours() { printf '%s  %s\n' "$SUM" "$1" | sha256sum --check --status 2>/dev/null; }

if is_ours "$folder/verapdf.jar"; then exit 0; fi
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mvn -q -B "$PLUGIN:copy" -Dartifact="$ARTIFACT" -DoutputDirectory="$made" -Dmdep.stripVersion=true
if ! is_ours "$made/greenfield-apps.jar"; then
  printf 'verapdf: what came is not what is pinned; nothing was installed\n' >&2
  exit 1
fi
mkdir -p "$folder"
mv "$made/greenfield-apps.jar" "$folder/verapdf.jar"
chmod 644 "$folder/verapdf.jar"
