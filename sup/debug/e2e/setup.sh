#!/usr/bin/env bash
# Finds what the tests of the page need, installs what it can, and prints the
# flags of the tests. What is missing otherwise is said, and is a failure.
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
		echo "e2e: there is no Chromium: install it (on Debian, as root: apt-get install chromium), or name it in CHROMIUM" >&2
		exit 1
	fi
fi

if [ ! -f node_modules/axe-core/axe.min.js ]; then
	if ! command -v npm >/dev/null; then
		echo "e2e: there is no npm to install axe-core with: install it (on Debian, as root: apt-get install npm)" >&2
		exit 1
	fi
	echo "e2e: installing axe-core" >&2
	npm ci --ignore-scripts --no-audit --no-fund --silent >&2
fi

echo "-browser $(browser) -axe $PWD/node_modules/axe-core/axe.min.js"
