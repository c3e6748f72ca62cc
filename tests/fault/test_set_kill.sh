#!/usr/bin/env bash
# ci-test: timeout=300 cost=6
# A set of files that takes the place of an earlier one is killed before every system call that
# changes the folder, and each such call is made to fail in turn. The names never mix the two sets,
# one whole set is always there, and what comes next leaves it under its names, without a .part.
set -u
. "$CONTIMG_SOURCE/tests/support/inject.sh"
inject_driver test_set_driver
new_case() {
  rm -rf "$work/case"
  cp -a "$work/$from" "$work/case"
}
is_good() {
  "$driver" whole finish whole left "$work/case"
}
from=earlier
mkdir "$work/earlier"
"$driver" first whole left "$work/earlier" || exit 1
new_case
inject_count "$work/points" "$work/case" 20 -- "$driver" second "$work/case" || exit 1
"$driver" whole left "$work/case" || exit 1
inject_kills "$work/points" "$work/out" new_case is_good "$driver" second "$work/case"
inject_errors "$work/points" "$work/out" new_case is_good "$driver" second "$work/case"

# One that was killed half-way (before its third new name) is brought to its end, and that is
# killed in its turn.
from=half
new_half() {
  from=earlier
  new_case
  last=$(grep '^rename ' "$work/points" | tail -n 1)
  (strace -o /dev/null -e trace=rename -e inject="rename:signal=SIGKILL:when=${last#* }" \
    "$driver" second "$work/case"; true) >"$work/out" 2>&1
  mv "$work/case" "$work/half"
  from=half
}
new_half
[ -e "$work/half/image-d.set.part" ] || { echo "the set is not half named: $(ls "$work/half")"; exit 1; }
new_case
inject_count "$work/points" "$work/case" 3 -- "$driver" finish "$work/case" || exit 1
inject_kills "$work/points" "$work/out" new_case is_good "$driver" finish "$work/case"
inject_errors "$work/points" "$work/out" new_case is_good "$driver" finish "$work/case"
inject_end "sets of files"
