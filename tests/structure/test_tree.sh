#!/usr/bin/env bash
# No machine paths in the tree; every header documented by a first comment; one function waits.
set -u
cd "${CONTIMG_SOURCE:-$(dirname "$0")/../..}" || exit 1
faults=0
if git rev-parse --git-dir >/dev/null 2>&1; then
  found=$(git grep -nIE '/(farm|work|root)/[a-z.]' -- . ':!*.md5' | head -5)
  [ -z "$found" ] || { echo "machine paths in the tree:"; echo "$found"; faults=1; }
fi
for file in include/contimg/*.h src/*/*.h; do
  head -c 2 "$file" | grep -q '/\*' || { echo "$file: no comment on what it is"; faults=1; }
done
found=$(grep -rnE '\b(nanosleep|usleep|sleep) ?\(' src --include='*.[ch]' | grep -v '^src/base/clock.c:')
[ -z "$found" ] || { echo "ci_clock_wait waits:"; echo "$found"; faults=1; }
exit $faults
