#!/usr/bin/env bash
# tools/install_deps.sh: silent where all is there, asks apt for what is missing, one clear
# line where it may not install. dpkg-query, apt-get, sudo and id are stand-ins.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }
script=$CONTIMG_SOURCE/tools/install_deps.sh
mkdir "$folder/bin"
for tool in bash env cat; do ln -s "$(command -v $tool)" "$folder/bin/$tool"; done
stub() { printf '#!/bin/bash\n%s\n' "$2" >"$folder/bin/$1"; chmod +x "$folder/bin/$1"; }
stub dpkg-query 'case " $MISSING " in *" ${@: -1} "*) exit 1 ;; esac; echo -n installed'
stub apt-get 'echo "$*" >>"$CALLS"'
stub id 'echo "$ME"'
export CALLS=$folder/calls
run() { PATH=$folder/bin bash "$script" "$@" >"$folder/out" 2>"$folder/err" </dev/null; }

MISSING='' ME=1000 run || fail "all there: exit $?"
[ ! -e "$CALLS" ] || fail "all there, and apt-get was called"
MISSING="slurm-wlm" ME=1000 run || fail "slurm is for tests only: exit $?"
MISSING="cmake wcslib-dev" ME=1000 run
[ $? = 6 ] || fail "neither root nor sudo: exit is not 6"
[ "$(wc -l <"$folder/err")" = 1 ] && grep -q "neither root nor sudo.* cmake wcslib-dev" "$folder/err" ||
  fail "neither root nor sudo: $(cat "$folder/err")"
[ ! -e "$CALLS" ] || fail "apt-get was called without right"
MISSING="cmake" ME=0 run || fail "root: exit $?"
grep -q "^install .* cmake$" "$CALLS" && grep -q "^update" "$CALLS" || fail "root: $(cat "$CALLS")"
rm "$CALLS"
stub sudo '[ "$1" = -n ] && exit 0; echo sudo >>"$CALLS"; exec "$@"'
MISSING="munge" ME=1000 run --tests || fail "sudo: exit $?"
grep -q "^sudo" "$CALLS" && grep -q "^install .* munge$" "$CALLS" || fail "sudo: $(cat "$CALLS")"
rm "$CALLS"
MISSING="cmake" ME=1000 run --list || fail "--list: exit $?"
grep -qx cmake "$folder/out" && grep -qx libfftw3-dev "$folder/out" || fail "--list: $(cat "$folder/out")"
grep -qx munge "$folder/out" && fail "--list names what is for tests only"
MISSING="cmake" ME=1000 run --list --tests || fail "--list --tests: exit $?"
grep -qx cmake "$folder/out" && grep -qx munge "$folder/out" || fail "--list --tests: $(cat "$folder/out")"
[ ! -e "$CALLS" ] || fail "--list called apt-get"
run --lost
[ $? = 2 ] && grep -q '^usage: ' "$folder/err" || fail "an unknown option: $(cat "$folder/err")"
echo "install_deps.sh: eight cases"
