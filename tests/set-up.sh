#!/usr/bin/env bash
# Installs what the tests need beside Rust: PostgreSQL, Chromium, Node.js with npm, the packages of tests/browser,
# and schemathesis and Jinja2 in target/schemathesis. On Debian 12 and its relatives. Uses sudo only when it is not run by
# root. Without a terminal
# and without CI=true it changes nothing but prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

node_modules=tests/browser/node_modules/.package-lock.json
need_npm=no
if [ ! -e "$node_modules" ] || [ tests/browser/package-lock.json -nt "$node_modules" ]; then need_npm=yes; fi

schemathesis=target/schemathesis/bin/schemathesis
need_pip=no
if [ ! -e "$schemathesis" ] || [ tests/api-requirements.txt -nt "$schemathesis" ]; then need_pip=yes; fi

if [ ${#missing[@]} -eq 0 ] && [ "$need_npm" = no ] && [ "$need_pip" = no ]; then exit 0; fi

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo "
install="${sudo}apt-get update && ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${missing[*]:-}"
packages="npm ci --prefix tests/browser --no-audit --no-fund"
api="python3 -m venv target/schemathesis && target/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/api-requirements.txt && touch $schemathesis"

if [ ! -t 0 ] && [ "${CI:-}" != true ]; then
  echo "The tests need software that is not here. Run these commands, then run the tests again (or set CI=true to have them run for you):" >&2
  [ ${#missing[@]} -eq 0 ] || echo "  $install" >&2
  [ "$need_npm" = no ] || echo "  $packages" >&2
  [ "$need_pip" = no ] || echo "  $api" >&2
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
if [ "$need_pip" = yes ]; then
  echo "Installing schemathesis and Jinja2 into target/schemathesis"
  bash -c "$api"
fi
