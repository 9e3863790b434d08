#!/usr/bin/env bash
# published.sh builds each published module without go.work, as its users do, so
# that a requirement that is missing from its go.mod is an error.
#
#   tools/published.sh            build all, and check what sup and kv link
#   tools/published.sh -update    accept what sup and kv link
#   tools/published.sh -tidy      run go mod tidy in each module instead
#
# A module with replace lines is a program of this repository and not published.
# The modules require each other at a version that is on no proxy yet, so a copy
# of go.mod replaces them by the work tree.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOWORK=off

repo=$PWD
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
root=$(go list -m)
paths=() dirs=() replaces=()
while read -r file; do
	if [ ! -f "$file" ] || grep -q '^replace' "$file"; then continue; fi
	path=$(sed -n 's/^module //p' "$file")
	if [ "$path" != "$root" ] && ! grep -q "$root v" "$file"; then continue; fi
	dir=$(dirname "$file")
	paths+=("$path") dirs+=("$dir") replaces+=("-replace=$path=$repo/$dir")
done < <(git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod')

versions=$(cd "$repo" && grep -ohE "$root(/[a-z0-9/]+)? v[0-9][^ ]*" "${dirs[@]/%//go.mod}" | awk '{print $2}' | sort -u)
if [ "$(wc -w <<<"$versions")" != 1 ]; then
	echo "published: the modules require each other at several versions, use one:" $versions >&2
	exit 1
fi

for dir in "${dirs[@]}"; do
	cd "$repo/$dir"
	cp go.mod "$temp/go.mod"
	if [ -f go.sum ]; then cp go.sum "$temp/go.sum"; else rm -f "$temp/go.sum"; fi
	go mod edit "${replaces[@]}" "$temp/go.mod"
	if [ "${1-}" = -tidy ]; then
		echo "tidy $dir"
		go mod tidy -modfile="$temp/go.mod"
		go mod edit "${paths[@]/#/-dropreplace=}" "$temp/go.mod"
		cp "$temp/go.mod" go.mod
		if [ -f "$temp/go.sum" ]; then cp "$temp/go.sum" go.sum; fi
	else
		echo "build $dir"
		# go list -export compiles all packages, and links none.
		go list -mod=readonly -modfile="$temp/go.mod" -export ./... >/dev/null
	fi
done
cd "$repo"
if [ "${1-}" = -tidy ]; then exit; fi

linked=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./sup ./kv | sort)
if [ "${1-}" = -update ]; then
	echo "$linked" >tools/linked.txt
elif ! diff tools/linked.txt <(echo "$linked"); then
	echo "published: sup and kv link other packages than tools/linked.txt says; if that is meant, run make imports" >&2
	exit 1
fi
