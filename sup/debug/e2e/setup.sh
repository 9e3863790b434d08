#!/usr/bin/env bash
# Finds or installs what the tests of the page need, and prints the flags of the tests.
# Fails if something is missing and cannot be installed.
set -euo pipefail
cd "$(dirname "$0")"

browser() {
	local name
	for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
		command -v "$name" && return
	done
	return 1
}

if ! browser >/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "e2e: installing chromium" >&2
		apt-get update -qq >&2
		apt-get install -y -qq chromium >&2
	else
		echo "e2e: no Chromium found: install it (on Debian, as root: apt-get install chromium), or set CHROMIUM" >&2
		exit 1
	fi
fi

if [ ! -f node_modules/axe-core/axe.min.js ]; then
	if ! command -v npm >/dev/null; then
		echo "e2e: no npm found to install axe-core: install it (on Debian, as root: apt-get install npm)" >&2
		exit 1
	fi
	echo "e2e: installing axe-core" >&2
	npm ci --ignore-scripts --no-audit --no-fund --silent >&2
fi

echo "-browser $(browser) -axe $PWD/node_modules/axe-core/axe.min.js"
