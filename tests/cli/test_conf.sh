#!/usr/bin/env bash
# ci-test: timeout=600 cost=37
# The configuration as a user meets it: the deployed contimg.env, unknown keys and options, bad
# values, --help, check --values.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
commands="run calibrate image mosaic plan group check inspect publish status monitor db clean report"

# ---- the whole contimg.env as deployed, by every command -------------------------------------
# Only the folders are the test's. As in the deployed file, ${...} stands in it.
cat >contimg.env <<DEPLOYED
# Contimg pipeline environment
PIPELINE_PYTHON=/opt/miniforge/envs/casa6/bin/python
CASA6_PYTHON_BIN=/opt/miniforge/envs/casa6/bin/python
CONTIMG_INPUT_DIR=$folder/incoming
CONTIMG_SCRATCH_DIR=$folder/stage
CONTIMG_OUTPUT_DIR=\${CONTIMG_SCRATCH_DIR}/ms
CONTIMG_STATE_DIR=$folder/state
CONTIMG_QUEUE_DB=\${CONTIMG_STATE_DIR}/ingest.sqlite3
CONTIMG_PRODUCTS_DB=\${CONTIMG_STATE_DIR}/products.sqlite3
CONTIMG_REGISTRY_DB=\${CONTIMG_STATE_DIR}/data_registry.sqlite3
CAL_REGISTRY_DB=\${CONTIMG_STATE_DIR}/cal_registry.sqlite3
CONTIMG_MS_DIR=\${CONTIMG_SCRATCH_DIR}/ms
CONTIMG_CALTABLES_DIR=\${CONTIMG_SCRATCH_DIR}/caltables
CONTIMG_IMAGES_DIR=\${CONTIMG_SCRATCH_DIR}/images
CONTIMG_MOSAICS_DIR=\${CONTIMG_SCRATCH_DIR}/mosaics
CONTIMG_LOGS_DIR=\${CONTIMG_SCRATCH_DIR}/logs
CONTIMG_API_PORT=8000
CONTIMG_EXPECTED_SUBBANDS=16
CONTIMG_CHUNK_MINUTES=5
CONTIMG_LOG_LEVEL=INFO
CONTIMG_MONITOR_INTERVAL=60
CONTIMG_DISK_WARN_GB=200
CONTIMG_DISK_CRITICAL_GB=0
CONTIMG_STAGE_TO_TMPFS=true
CONTIMG_TMPFS_PATH=/dev/shm
CONTIMG_TMPFS_WARN_PERCENT=90
CONTIMG_TMPFS_CRITICAL_PERCENT=95
CONTIMG_CAL_BANDPASS_INTERVAL_HOURS=24
CONTIMG_CAL_GAIN_INTERVAL_HOURS=1
CONTIMG_CAL_USE_NVSS_SKYMODEL=true
CONTIMG_QA_MS_MAX_FLAGGED=0.5
CONTIMG_QA_MS_MAX_ZEROS=0.3
CONTIMG_QA_MS_MIN_AMP=1e-6
CONTIMG_QA_CAL_MAX_FLAGGED=0.3
CONTIMG_QA_CAL_MIN_AMP=0.1
CONTIMG_QA_CAL_MAX_AMP=10.0
CONTIMG_QA_CAL_MAX_PHASE_SCATTER=90.0
CONTIMG_QA_IMG_MIN_DYNAMIC_RANGE=5.0
CONTIMG_QA_IMG_MIN_PEAK_SNR=5.0
CONTIMG_QA_IMG_MIN_5SIGMA_PIXELS=10
CONTIMG_SLACK_MIN_SEVERITY=WARNING
CONTIMG_AUTO_CLEANUP_ENABLED=false
OMP_NUM_THREADS=4
MKL_NUM_THREADS=4
HDF5_USE_FILE_LOCKING=FALSE
TMPDIR=\${CONTIMG_SCRATCH_DIR}/tmp
TMP=\${CONTIMG_SCRATCH_DIR}/tmp
TEMP=\${CONTIMG_SCRATCH_DIR}/tmp
CASA_TMPDIR=\${CONTIMG_SCRATCH_DIR}/tmp
CASALOGFILE=\${CONTIMG_SCRATCH_DIR}/logs/casa.log
CONTIMG_SOMETHING_ELSE=1
DEPLOYED
retired=14 # of the names above, CONTIMG_SOMETHING_ELSE among them
mkdir -p incoming stage state products
simulate --out sim --sub-bands 1
band=sim/2026-01-25T00:00:10_sb00.hdf5
set -a
small="--size 64 --cell-arcsec 30 --niter 0"
set +a

# warned: one line for each retired or unknown name, none twice.
warned() {
  local lines
  lines=$(grep -aE 'CONTIMG_[A-Z0-9_]+ is (retired|unknown)' "$err" |
    grep -oaE 'CONTIMG_[A-Z0-9_]+ is (retired|unknown)')
  [ "$(sort <<<"$lines" | uniq -d)" = '' ] || fail "$tried: warned twice: $lines"
  [ "$(wc -l <<<"$lines")" = $retired ] || fail "$tried: not $retired warnings: $lines"
}
every_command() { # every_command OPTION...: each once, doing its work
  try 0 image $band $small --calibrated --out out/x "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 2 calibrate $band --model sim/truth-calibrator.csv --out out/x "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 0 mosaic out/x.image.fits --out out/m "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 2 run "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  for command in plan group status; do
    try 0 $command "$@"
    [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
    warned
  done
  try 0 inspect $band "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 0 publish --recover "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 0 check --products-dir "$folder/products" "$@"
  case $code in 0 | 6) ;; *) fail "$tried: exit $code: $(own_lines)" ;; esac
  warned
}
export CONTIMG_PRODUCTS_DIR=$folder/products
every_command --config contimg.env
[ -s "$folder/state/ingest.sqlite3" ] || fail "the deployed places are not used: $(find . -name '*.sqlite3')"
[ -e "$folder/state/cal_registry.sqlite3" ] || fail "CAL_REGISTRY_DB is not used"
[ ! -e "$folder/contimg-data" ] || fail "./contimg-data was made although places are configured"

# As systemd's EnvironmentFile gives it: ${...} as it stands, in the environment; a TMPDIR that
# is no folder would keep MPI from starting and is the business of the scripts that start it.
(
  while IFS='=' read -r name value; do
    case $name in TMPDIR | TMP | TEMP | OMP_NUM_THREADS | '#'*) ;; *) export "$name=$value" ;; esac
  done <contimg.env
  try 0 group
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  CONTIMG_CONFIG=contimg.env try 0 status # both: still one warning for each name
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  warned
  try 0 check --values
  grep -q "^CONTIMG_QUEUE_DB=$folder/state/ingest.sqlite3  # environment$" "$out" ||
    fail "not expanded in the environment: $(grep QUEUE "$out")"
) || exit 1

# An older file gives the calibration registry as CONTIMG_REGISTRY_DB: told by name, and by
# content where the name does not tell.
mkdir old
cp state/cal_registry.sqlite3 old/cal_registry.sqlite3
cp state/cal_registry.sqlite3 old/registry.sqlite3
for name in cal_registry registry; do
  good "$name.sqlite3" 0 status --state-dir old --registry-db old/$name.sqlite3
  grep -aqi 'calibration' "$err" || fail "$name: that it is the calibration registry is not said"
  good '' 0 group --input-dir incoming --state-dir old --registry-db old/$name.sqlite3
  sqlite3 old/$name.sqlite3 .tables | grep -q 'data_registry\|publish_attempts' &&
    fail "$name: publish state went into the calibration registry"
  sqlite3 old/data_registry.sqlite3 .tables | grep -q . || fail "$name: no publish database"
done

# ---- values and their origin --------------------------------------------------------------------
printf 'CONTIMG_GROUP_SIZE=7\nCONTIMG_MIN_SUBBANDS=9\n' >own.env
CONTIMG_MIN_SUBBANDS=10 good 'CONTIMG_GROUP_SIZE=7  # own.env:1' 0 check --values --config own.env \
  --group-overlap 3
grep -q '^CONTIMG_MIN_SUBBANDS=10  # environment$' "$out" || fail "$(cat "$out")"
grep -q '^CONTIMG_GROUP_OVERLAP=3  # command line$' "$out" || fail "$(cat "$out")"
grep -q '^CONTIMG_EXPECTED_SUBBANDS=16  # default$' "$out" || fail "$(cat "$out")"
grep -q '^CONTIMG_CONFIG=own.env  # command line$' "$out" || fail "$(cat "$out")"
CONTIMG_CONFIG=own.env good 'CONTIMG_CONFIG=own.env  # environment' 0 check --values
grep -aq 'configuration: own.env' "$err" || fail "the file is not named first: $(cat "$err")"
good '"origin":' 0 check --values --json
# The same by --config without a file; the file is then found as ever.
for words in '--config' '--config --group-overlap 3'; do
  CONTIMG_CONFIG=own.env good 'CONTIMG_GROUP_SIZE=7  # own.env:1' 0 check $words
  grep -q '^ok ' "$out" && fail "check $words checks: $(cat "$out")"
done
"$contimg" status --config >"$out" 2>"$err"
[ $? = 2 ] && grep -qF 'option --config needs a value (file)' "$err" || fail "status --config: $(cat "$err")"

# A CONTIMG_ name that is unknown: one warning, which names the nearest where one is near.
echo 'CONTIMG_NITR=5' >near.env
CONTIMG_SIZ=64 good 'environment: CONTIMG_SIZ is unknown and has no effect, did you mean CONTIMG_SIZE?' \
  0 status --config near.env
grep -aqF 'near.env:1: CONTIMG_NITR is unknown and has no effect, did you mean CONTIMG_NITER?' "$err" ||
  fail "the nearest name is not said: $(cat "$err")"
CONTIMG_QQQQQQQQQQQQ=1 good 'CONTIMG_QQQQQQQQQQQQ is unknown and has no effect' 0 status
grep -aq 'did you mean' "$err" && fail "a name that is near to none: $(cat "$err")"

# ---- unknown and bad, at one process and two ranks -------------------------------------------------
echo 'CONTIMG_STATE_DIR=${NOWHERE}/state' >open.env
echo 'grup-size = 7' >typo.env
for ranks in 0 2; do
  bad 2 "open.env:1): holds a \${NAME}" $ranks run --config open.env
  bad 2 "typo.env:1: unknown key 'grup-size', did you mean 'group-size'?" $ranks run --config typo.env
  bad 2 'did you mean --size?' $ranks image $band --sise 3 --out x
  bad 2 "--size '3x' (command line): not a whole number" $ranks image $band --size 3x --out x
  bad 2 "--phase-center 'here'" $ranks image $band --phase-center here --out x
  bad 2 '--uv-range' $ranks image $band --uv-range 5,2 --out x
  bad 2 '--out is needed' $ranks image $band
  bad 2 'no UVH5 file given' $ranks image --out x
  bad 2 '--model is needed' $ranks calibrate $band --out x
  bad 3 'absent.env' $ranks image $band --config absent.env --out x
  bad 3 'absent.csv' $ranks calibrate $band --model absent.csv --out x
done
for command in run check group status 'publish --recover' plan; do
  CONTIMG_STATE_DIR='' bad 2 "--state-dir '' (environment): empty" 0 $command
done
bad 2 "--products-dir '' (command line): empty" 2 run --products-dir ''
bad 2 'did you mean inspect?' 0 inspekt
# A word where only options are taken is not passed over: `clean dry-run` is no `clean`.
bad 2 "contimg clean takes options only, not 'dry-run': did you mean --dry-run?" 0 clean dry-run
for command in group check monitor serve 'publish --id a'; do
  bad 2 "takes options only, not 'word'" 0 $command word
done
bad 2 'no command given' 0
bad 2 '--id' 0 publish
bad 2 "is not for this command" 0 status --size 3
bad 2 'beam "square"' 0 image $band --beam square --out x
[ -z "$(ls x* 2>/dev/null)" ] || fail "a refused command wrote $(ls x*)"

# Every meaning of an exit code, in one line for each.
"$contimg" --help >"$out" 2>"$err" || fail "--help: exit $?"
sed -n '/^exit codes:/,$p' "$out" | sed -n 's/^  \([0-9]*\) .*/\1/p' | sort | uniq -d | grep . &&
  fail "an exit code is listed twice: $(cat "$out")"
for line in '3   input cannot be used, or no data left' \
  '4   reading or writing failed, or database failed' \
  '5   out of memory, or no space left on disk'; do
  grep -qxF "  $line" "$out" || fail "--help: no '$line' in: $(cat "$out")"
done

# ---- help -----------------------------------------------------------------------------------------
for command in $commands; do
  "$contimg" $command --help >"$out" 2>"$err" || fail "$command --help: exit $?"
  [ ! -s "$err" ] || fail "$command --help writes to stderr: $(cat "$err")"
  grep -q "^usage: contimg $command" "$out" || fail "$command --help: $(head -n 1 "$out")"
  "$contimg" --help | grep -q "^  $command " || fail "contimg --help does not list $command"
done
"$contimg" --help >"$out" 2>"$err" && [ ! -s "$err" ] || fail "--help"
"$contimg" --version | grep -q '^contimg [0-9]' || fail "--version"
"$contimg" run --help >/dev/full 2>"$err" && fail "--help to a full device: exit 0"
echo "configuration: deployed file and environment by $(wc -w <<<"$commands") commands, origins, refusals, help"
