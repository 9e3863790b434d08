#!/usr/bin/env bash
# from-a-clone.sh runs the commands of docs/from-a-clone.md as they are written there, in
# an empty directory. What they clone is the work tree, with its changes.
#
# It also finds that the commands name every module that users import, and that README
# clones by the same commands.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
doc=docs/from-a-clone.md
url=https://github.com/espalier-go/espalier
temp=$(mktemp -d)
commands= # the process group of the commands, while they run
trap 'if [ -n "$commands" ]; then kill -- "-$commands" || true; fi; rm -rf "$temp"' EXIT

# blocks prints the blocks of shell commands of the document, or the first N of them.
blocks() { awk -v n="${1-99}" '/^```sh$/ { i++; b = i <= n; next } /^```$/ { b = 0 } b' "$doc"; }

first=$(blocks 1)
readme=$(<README.md)
if [[ $readme == *"git clone"* && $readme != *"$first"* ]]; then
	echo "from-a-clone: README.md has other commands than the first block of $doc" >&2
	exit 1
fi

# A repository of the work tree takes the place of the published one.
mkdir "$temp/published" "$temp/work"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | xargs -0 cp --parents -P -t "$temp/published"
cd "$temp/published"
git init --quiet
git add -A
git -c user.name=from-a-clone -c user.email=from-a-clone@localhost commit --quiet -m "the work tree"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$temp/published.insteadOf" GIT_CONFIG_VALUE_0="$url"
unset GOWORK GOFLAGS

cd "$temp/work"
(cd "$repo" && blocks) >"$temp/commands"
set -m
bash -exuo pipefail "$temp/commands" &
commands=$!
wait "$commands"
commands=
set +m

# All packages of all modules can be imported. Those of examples, documents, tools and tests
# are not meant to be.
missing= imports=()
cd "$temp/published"
for file in $(git ls-files -- '*go.mod'); do
	dir=$(dirname "$file")
	case $dir in examples/* | docs | tools | tools/* | sup_test/* | */e2e) continue ;; esac
	path=$(sed -n 's/^module //p' "$file")
	if ! grep -q "$path => " "$temp/work/shop/go.mod"; then missing+=" $path"; fi
	imports+=("$path/...")
done
if [ -n "$missing" ]; then
	echo "from-a-clone: $doc has no replace line for$missing" >&2
	exit 1
fi
cd "$temp/work/shop"
for path in "${imports[@]%/...}"; do go mod edit -require "$path@v0.1.0"; done
go list -mod=mod -deps "${imports[@]}" >/dev/null
echo "from-a-clone: the commands of $doc work"
