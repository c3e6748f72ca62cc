#!/usr/bin/env bash
# ci-test: timeout=600 cost=93
# A publish, and one of a new version, is killed before every system call that changes the file
# system or a database, and each such call is made to fail in turn. After recovery: published once,
# whole, no .part, databases sound; meanwhile the version before stands whole.
set -u
. "$CONTIMG_SOURCE/tests/support/inject.sh"
inject_driver test_publish_driver

new_case() { # the staged path is absolute: staged where it is used
  rm -rf "$work/case"
  cp -a "$work/$from" "$work/case"
}
is_good() {
  "$driver" staged recover check "$work/case"
}

from=staged
mkdir "$work/case"
"$driver" stage "$work/case" || exit 1
cp -a "$work/case" "$work/staged"
inject_count "$work/points" "$work/case" 20 -- "$driver" publish "$work/case" || exit 1
"$driver" check "$work/case" || { echo "an undisturbed publish is not sound"; exit 1; }
inject_kills "$work/points" "$work/out" new_case is_good "$driver" publish "$work/case"
inject_errors "$work/points" "$work/out" new_case is_good "$driver" publish "$work/case"

# Of a new version, what is not the same: where it takes the place of the one before.
from=version
new_version() {
  from=staged
  new_case
  "$driver" publish "$work/case" && "$driver" version "$work/case" && mv "$work/case" "$work/version"
  from=version
}
new_version || exit 1
new_case
inject_count "$work/all" "$work/case" 20 -- "$driver" publish "$work/case" || exit 1
"$driver" check "$work/case" || { echo "an undisturbed new version is not sound"; exit 1; }
grep -E '^(rename|unlink|mkdir|rmdir|fsync)' "$work/all" >"$work/points"
inject_kills "$work/points" "$work/out" new_case is_good "$driver" publish "$work/case"
inject_end "publish"
