#!/usr/bin/env bash
# ci-test: timeout=600 cost=22
# acceptance.sh: every item ok beside a site's databases, which it leaves alone; FAIL where it should.
. "$CONTIMG_SOURCE/tests/support/cli.sh" || exit 1
mkdir site{,/incoming,/staging,/state,/products} "scratch folder"
cat >site.env <<TEXT
CONTIMG_INPUT_DIR=$folder/site/incoming
CONTIMG_OUTPUT_DIR=$folder/site/staging
CONTIMG_STATE_DIR=$folder/site/state
CONTIMG_PRODUCTS_DIR=\${CONTIMG_STATE_DIR}/../products
CONTIMG_ALERT_COMMAND=touch $folder/site/told
CONTIMG_DISK_CRITICAL_GB=0
TEXT
export CONTIMG_CONFIG=$folder/site.env
"$contimg" db migrate >"$out" 2>&1 || fail "db migrate: $(cat "$out")"
acceptance() { CONTIMG_HOME=$CONTIMG_BUILD "$CONTIMG_SOURCE/tools/acceptance.sh" --scratch "scratch folder" "$@" >"$out" 2>"$err"; }

# A proxy of the site's is not asked about this machine.
http_proxy=http://127.0.0.1:9 acceptance --load 3 || fail "acceptance.sh: exit $?: $(cat "$out" "$err")"
! grep '^FAIL' "$out" || fail "FAIL, and exit 0"
[ "$(grep -c '^ok ' "$out")" -ge 30 ] || fail "few items: $(cat "$out")"
grep -q '^ok   production  *4 databases' "$out" || fail "$(grep production "$out")"
[ -z "$(find site -newer site.env -type f -not -name '*.sqlite3')" ] && [ ! -e site/told ] || fail "the site was touched: $(find site -newer site.env)"
[ -z "$(ls "scratch folder")" ] || fail "left in scratch: $(ls "scratch folder")"

# No mosaic has such a dynamic range: it is refused, and the items say so.
echo 'CONTIMG_QA_IMG_MIN_DYNAMIC_RANGE=1e8' >>site.env
acceptance
[ $? = 1 ] && grep -q '^FAIL auto-publish' "$out" || fail "a refused mosaic: $(cat "$out")"
for wrong in "--load x" "--executor pbs" "--nothing" --load; do
  acceptance $wrong
  [ $? = 2 ] || fail "acceptance.sh $wrong: exit is not 2"
done
echo "acceptance: ok where all is well, FAIL where a mosaic is refused"
