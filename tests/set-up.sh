#!/usr/bin/env bash
# Installs what the tests need beside Rust: PostgreSQL, Chromium, Node.js with npm, and the packages of
# tests/browser. On Debian 12 and its relatives. Uses sudo only when it is not run by root. Without a terminal
# and without CI=true it changes nothing but prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)

node_modules=tests/browser/node_modules/.package-lock.json
need_npm=no
if [ ! -e "$node_modules" ] || [ tests/browser/package-lock.json -nt "$node_modules" ]; then need_npm=yes; fi

if [ ${#missing[@]} -eq 0 ] && [ "$need_npm" = no ]; then exit 0; fi

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo "
install="${sudo}apt-get update && ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${missing[*]:-}"
packages="npm ci --prefix tests/browser --no-audit --no-fund"

if [ ! -t 0 ] && [ "${CI:-}" != true ]; then
  echo "The tests need software that is not here. Run these commands, then run the tests again (or set CI=true to have them run for you):" >&2
  [ ${#missing[@]} -eq 0 ] || echo "  $install" >&2
  [ "$need_npm" = no ] || echo "  $packages" >&2
  exit 1
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing ${missing[*]}"
  bash -c "$install"
fi
if [ "$need_npm" = yes ]; then
  echo "Installing the packages of tests/browser"
  bash -c "$packages"
fi
