#!/usr/bin/env bash
# ci-test: timeout=600
# A run that is stopped (SIGSTOP) while it makes a tile, on a node that another run does not see:
# when its lease is over the other takes the group and publishes it. The first, when it wakes up,
# ends with 6, says who took over, and has changed nothing. CONTIMG_TEST_EXHAUSTIVE=1: stopped for five
# minutes; else its lease is made to be over.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --tiles 2 --random 3
options='--model sim/truth-calibrator.csv --size 128 --cell-arcsec 25 --niter 300
  --state-dir state --output-dir staging --products-dir products'
# As on another node: a host name of its own, where this machine allows that.
elsewhere() {
  if [ "$(id -u)" = 0 ] && unshare --uts true 2>/dev/null; then
    unshare --uts sh -c 'hostname elsewhere; exec "$@"' sh "$@"
  else
    "$@"
  fi
}

timeout -k 10 500 "$contimg" run sim/*.hdf5 $options >first.out 2>first.err &
launcher=$!
for _ in $(seq 3000); do
  first=$(pgrep -P $launcher -x contimg) && break
  sleep 0.02
done
[ -n "$first" ] || fail "the first run is over: $(cat first.err)"
# Without a process in the loop: the run is over within a second or two.
until compgen -G 'staging/tiles/*/*' >tiles.txt; do
  kill -0 "$first" || fail "the first run is over: $(cat first.err)"
done
kill -STOP "$first"
grep -qx leases /proc/"$first"/task/*/comm || fail "no thread renews its leases: $(cat /proc/"$first"/task/*/comm)"
grep -q 'published' first.out && fail "the first run was not stopped in time"
# Three minutes later.
[ -z "${CONTIMG_TEST_EXHAUSTIVE:-}" ] || sleep 300
[ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ] || sqlite3 state/ingest.sqlite3 'UPDATE mosaic_groups SET lease_expires_at=1 WHERE lease_pid>0;
  UPDATE ingest_queue SET lease_expires_at=1 WHERE lease_pid>0'
elsewhere timeout -k 10 60 "$contimg" run sim/*.hdf5 $options >second.out 2>second.err ||
  fail "the second run: exit $?: $(cat second.err)"
grep -q '^published: ' second.out || fail "the second run did not publish: $(cat second.out)"
all() { find staging products -type f -exec sha256sum {} + | sort -k 2; }
all >before.txt
kill -CONT "$first"
wait $launcher
code=$?
[ $code = 6 ] || fail "who lost its lease ended with $code: $(cat first.err)"
grep -q 'the lease was lost' first.err || fail "who lost its lease is not told: $(cat first.err)"
all | cmp - before.txt || fail "who lost its lease changed files: $(all | diff before.txt -)"
left=$(find staging products -name '*.part*')
[ -z "$left" ] || fail "left: $left"
