#!/usr/bin/env bash
# ci-test: timeout=300 cost=6
# What another hand does between two steps of a publish, which is stopped there, and a disk that says
# that it wrote what it did not: nothing outside the folders is read or written, nothing that reads back
# otherwise is published, and the next publish is whole.
set -u
. "$CONTIMG_SOURCE/tests/support/inject.sh"
inject_driver test_publish_driver
n_wrong=0
wrong() {
  echo "$*"
  [ ! -s "$work/out" ] || cat "$work/out"
  n_wrong=$((n_wrong + 1))
}
staged=$work/case/staging/mosaics/g1

# "name number" of each call in the trace $1 that matches $2, as strace's when= counts them.
numbers() {
  awk -v what="$2" '{ name = $0; sub(/\(.*/, "", name); n[name]++ } $0 ~ what { print name, n[name] }' "$1"
}
new_case() {
  rm -rf "$work/case"
  cp -a "$work/staged" "$work/case"
}
# stopped TRACE WHAT ACT COMMAND...: COMMAND, stopped after its first call that matches WHAT; then the
# function ACT, then on. Returns what COMMAND did.
stopped() {
  local name number act=$3 pid i
  read -r name number < <(numbers "$1" "$2")
  [ -n "$name" ] || { wrong "no call like $2"; return 99; }
  shift 3
  rm -f "$work/stop"
  # The tracer is a grandchild: what is started here is the program.
  strace -D -o "$work/stop" -e trace="$name" -e inject="$name:signal=SIGSTOP:when=$number" "$@" \
    >"$work/out" 2>&1 </dev/null &
  pid=$!
  for i in $(seq 1000); do
    grep -qs 'stopped by SIGSTOP' "$work/stop" && break
    sleep 0.01
  done
  [ "$i" -lt 1000 ] || wrong "not stopped at $name number $number"
  "$act"
  kill -CONT $pid
  wait $pid
}
# As it was, and the product is whole after the next publish.
victim_is_same() { [ "$(cat "$work/victim")" = precious ] || wrong "$1: a file elsewhere was written to"; }
ends_well() { "$driver" staged recover check "$work/case" >"$work/out" 2>&1 || wrong "$1: the next publish"; }
says() { grep -q "$2" "$work/out" || wrong "$1: not told: $2"; }

mkdir "$work/case"
strace -y -o "$work/stage" -e trace=unlinkat "$driver" stage "$work/case" || exit 1
cp -a "$work/case" "$work/staged"
strace -y -o "$work/publish" -e trace='/^(.*fstatat.*|openat|mkdirat|write)$' "$driver" publish "$work/case" || exit 1
"$driver" check "$work/case" || { echo "an undisturbed publish is not sound"; exit 1; }

# ---- what is looked at and what is opened are one file --------------------------------------------
below="openat\([0-9]+<$work/case/(staging|products)"
[ "$(grep -cE "$below" "$work/publish")" -ge 12 ] || wrong "too few files are opened below the folders"
grep -E "$below" "$work/publish" | grep -v O_NOFOLLOW && wrong "opened though it may be a link"
becomes_a_link() { # to one that every gate passes
  mv "$staged/mosaic.fits" "$work/elsewhere.fits"
  ln -s "$work/elsewhere.fits" "$staged/mosaic.fits"
}
new_case
stopped "$work/publish" 'fstatat.*"mosaic.fits", .*S_IFREG' becomes_a_link "$driver" publish "$work/case"
code=$?
[ $code = 7 ] || wrong "a staged file that becomes a link: exit $code"
says "a staged file that becomes a link" "'mosaic.fits' is a link"
[ -z "$(find "$work/case/products" -type f)" ] || wrong "a staged file that became a link is published"

# ---- what is made was not there ---------------------------------------------------------------------
# A second name of a file elsewhere, where the copy is to be: writing there would be writing to it.
takes_the_name_in_part() { ln "$work/victim" "$(echo "$work/case"/products/*/*.part)/mosaic.fits"; }
takes_the_name_staged() { ln "$work/victim" "$staged/mosaic.fits.part"; }
echo precious >"$work/victim"
new_case
stopped "$work/publish" 'mkdirat.*[.]part"' takes_the_name_in_part "$driver" publish "$work/case"
code=$?
[ $code = 4 ] || wrong "a name that is taken in the .part: exit $code"
says "a name that is taken in the .part" 'File exists'
victim_is_same "a name that is taken in the .part"
ends_well "a name that is taken in the .part"

rm -rf "$work/case"
mkdir "$work/case"
stopped "$work/stage" 'unlinkat.*"mosaic.fits.part"' takes_the_name_staged "$driver" stage "$work/case"
code=$?
[ $code = 4 ] || wrong "a .part that is taken: exit $code"
says "a .part that is taken" 'File exists'
victim_is_same "a .part that is taken"

# ---- what was written reads back ---------------------------------------------------------------------
# Each write into the .part is told to be done, and is not.
n_lie=0
while read -r name number size; do
  new_case
  strace -o /dev/null -e trace="$name" -e inject="$name:retval=$size:when=$number" "$driver" publish "$work/case" \
    >"$work/out" 2>&1 </dev/null
  code=$?
  n_lie=$((n_lie + 1))
  [ $code = 4 ] || wrong "write $number is not done: exit $code"
  says "write $number is not done" 'what was written is not what reads back'
  [ -z "$(find "$work/case/products" -type f)" ] || wrong "write $number is not done: published"
  ends_well "write $number is not done"
done < <(paste -d ' ' <(numbers "$work/publish" '^write.*[.]part/') \
  <(sed -n 's/^write.*[.]part\/.* = \([0-9]*\)$/\1/p' "$work/publish"))
[ $n_lie -ge 6 ] || wrong "only $n_lie writes seen"

# The staged file gets another content, of the same length, after it was looked at.
changes() { printf X | dd of="$staged/mosaic.fits" bs=1 seek=20000 conv=notrunc 2>/dev/null; }
new_case
stopped "$work/publish" 'mkdirat.*[.]part"' changes "$driver" publish "$work/case"
code=$?
[ $code = 4 ] || wrong "a staged file that changes: exit $code"
[ -z "$(find "$work/case/products" -type f)" ] || wrong "a staged file that changed is published"
echo "4 races, $n_lie writes that were not done: $n_wrong wrong"
[ $n_wrong = 0 ]
