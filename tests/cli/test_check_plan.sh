#!/usr/bin/env bash
# ci-test: timeout=300 cost=16
# contimg check, group and plan as a user runs them: with nothing configured, with a
# configuration, with mistakes.
set -u
contimg=$CONTIMG_BUILD/bin/contimg
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/out" "$folder/err" >&2; exit 1; }
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
  case $name in CONTIMG_BUILD | CONTIMG_SOURCE | CONTIMG_TEST_*) ;; *) unset "$name" ;; esac
done
if [ -e /data/dsa110-contimg ] || [ -e /etc/contimg/contimg.env ] || [ -e /data/incoming ]; then
  echo "skipped: a contimg is deployed here, and what it configures would be used"
  exit 77
fi

# expect CODE COMMAND...: exit code; output in $folder/out and err.
expect() {
  local want=$1 got
  shift
  "$contimg" "$@" >"$folder/out" 2>"$folder/err"
  got=$?
  [ $got = "$want" ] || fail "$*: exit $got, $want is expected"
}
says() { grep -q -- "$1" "$folder/out" || fail "no '$1'"; }
error_says() { [ "$(grep -c '^contimg: ' "$folder/err")" = 1 ] && grep -q -- "$1" "$folder/err" || fail "no '$1'"; }

# ---- nothing configured: a laptop ----------------------------------------------------------
mkdir "$folder/laptop"
cd "$folder/laptop" || exit 1
expect 0 check
grep -q '^FAIL' "$folder/out" && fail "a check failed with nothing configured"
says '^warn input      /data/incoming, the default, is not there'
says "^ok   staging    $(pwd -P)/contimg-data/staging: is not there yet, made by the first run"
says '^ok   facts      .*/dsa110_stations.csv'
expect 0 check --disk-warn-gb 1
# What this command does not use, and contimg run would not take.
CONTIMG_NITER=many expect 6 check
says "^FAIL config     --niter 'many' (environment): not a whole number"
# More room than any disk has: a warning by default, a failure where it was asked for.
export CONTIMG_DISK_CRITICAL_GB=100000000
expect 6 check
says '^FAIL staging .* below --disk-critical-gb 1e+08: free some space'
unset CONTIMG_DISK_CRITICAL_GB
expect 3 group
error_says 'input folder /data/incoming (default) does not exist'
expect 0 plan
says '^nothing to do: no complete group in /data/incoming (0 files there)$'
[ -z "$(ls)" ] || fail "check, group or plan made $(ls)"
expect 0 check --json
python3 - "$folder/out" <<'END' || fail "check --json"
import json, sys
lines = json.load(open(sys.argv[1]))
assert {"input", "staging", "products", "state", "database", "hdf5", "facts", "mpi", "slurm"} <= {l["name"] for l in lines}, lines
assert all(l["level"] in ("ok", "warn") and l["text"] for l in lines), lines
END
PATH=/nowhere expect 0 check
says '^warn slurm      no sbatch on PATH'
says '^warn mpi        no mpirun'
# Facts that are not there, empty, no file or not to be read, where CONTIMG_SHARE says.
mkdir "$folder/share"
cp "$CONTIMG_SOURCE"/share/*.csv "$folder/share"
export CONTIMG_SHARE=$folder/share
expect 0 check
says "^ok   facts      $folder/share/dsa110_stations.csv"
rm "$folder/share/dsa110_stations.csv"
: >"$folder/share/vla_calibrators.csv"
rm "$folder/share/perley_butler_2017.csv"
mkdir "$folder/share/perley_butler_2017.csv"
expect 6 check
says "^FAIL facts      $folder/share/dsa110_stations.csv: No such file.*: CONTIMG_SHARE must name"
says "^FAIL facts      $folder/share/vla_calibrators.csv: empty: CONTIMG_SHARE must name"
says "^FAIL facts      $folder/share/perley_butler_2017.csv: not a regular file: CONTIMG_SHARE must name"
says "^ok   facts      $folder/share/earth_orientation.csv"
export CONTIMG_SHARE=$folder/nowhere
expect 6 check
[ "$(grep -c "^FAIL facts      $folder/nowhere/" "$folder/out")" = 4 ] || fail "facts of no folder"
unset CONTIMG_SHARE
expect 2 check --inptu-dir /tmp
error_says 'did you mean --input-dir'

# ---- configured -------------------------------------------------------------------------------
mkdir "$folder/incoming"
cat >"$folder/contimg.env" <<TEXT
CONTIMG_INPUT_DIR=$folder/incoming
CONTIMG_OUTPUT_DIR=$folder/staging
CONTIMG_STATE_DIR=$folder/state
CONTIMG_PRODUCTS_DIR=$folder/products
CONTIMG_EXPECTED_SUBBANDS=2
CONTIMG_MIN_SUBBANDS=2
CONTIMG_DISK_CRITICAL_GB=0.001
TEXT
export CONTIMG_CONFIG=$folder/contimg.env
# A configured folder that is missing may be a disk that is not mounted.
expect 6 check
says "^FAIL staging    $folder/staging is not there: mount its disk, or make it by contimg check --make"
[ ! -e "$folder/staging" ] && [ ! -e "$folder/state" ] || fail "check made a configured folder"
expect 0 check --make
says "^ok   staging    $folder/staging: was missing, made"
says "^ok   logs       $folder/state/logs: was missing, made"
expect 0 check
says "^ok   logs       no database errors in 0 log files"
printf '%s\n' 'x INFO all is well' "x ERROR $folder/state/products.sqlite3: commit: disk I/O error" \
  >"$folder/state/logs/contimg-api.err"
expect 0 check
says '^warn logs       1 line of the last 7 days tells of database errors, the last in .*contimg-api.err: .*disk I/O error'
touch -d '8 days ago' "$folder/state/logs/contimg-api.err"
expect 0 check
says '^ok   logs       no database errors'
expect 6 check --input-dir "$folder/nowhere"
says "^FAIL input      $folder/nowhere is not a folder"
expect 6 check --state-dir "$folder/contimg.env/below"
says "^FAIL state "
echo garbage >"$folder/broken.sqlite3"
expect 6 check --products-db "$folder/broken.sqlite3"
says "^FAIL database .*broken.sqlite3"

# ---- groups and their plan ----------------------------------------------------------------------
expect 0 group
[ ! -s "$folder/out" ] || fail "group lists something"
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$CONTIMG_BUILD/bin/contimg-sim" \
  --out "$folder/incoming" --stations 6 --sub-bands 2 --channels 4 --integrations 3 --tiles 3 \
  --start 2026-01-25T00:00:10 >"$folder/out" 2>"$folder/err" || fail "contimg-sim"
expect 0 group
grep -q '^group' "$folder/out" && fail "files that arrive just now make a group"
says "^waiting  *6 of the 6 files in $folder/incoming were just written: looked at again when at rest for 10 s$"
expect 0 plan
says "^nothing to do: no complete group in $folder/incoming (6 files there)$"
says '^contimg status says what waits'
find "$folder/incoming" -name '*.hdf5' -exec touch -d '1 hour ago' {} +
# Nor does a command that writes make it, unless the command line names it.
rm -rf "$folder/state"
expect 6 group
error_says "state folder $folder/state is not there: mount its disk, or make it by contimg check --make"
[ ! -e "$folder/state" ] || fail "group made a configured folder"
expect 0 check --state-dir "$folder/typed"
says "^ok   state      $folder/typed: is not there yet, made by the first run"
expect 0 group --state-dir "$folder/typed"
mkdir "$folder/state"
mv "$folder/products" "$folder/unmounted"
expect 6 run
error_says "products folder $folder/products is not there"
mv "$folder/unmounted" "$folder/products"
expect 0 group
id=$(sed -n 's/^group  *\([0-9a-f_]*\) *pending  *3 observations.*/\1/p' "$folder/out")
[ -n "$id" ] || fail "no group of three"
grep -q 'just written' "$folder/out" && fail "files at rest are called just written"
# What the group writes must have room: tiles and mosaic of a large image do not.
expect 0 check
CONTIMG_SIZE=65536 CONTIMG_CELL_ARCSEC=1 expect 6 check
says '^FAIL staging .* GB free, and the groups that are ready write [0-9.]* GB to its disk'
expect 0 plan --ranks 2 --size 256
says '1 group, 3 tiles; a tile: 2 sub-bands, 8 channels, 3 times, 21 baselines, 2 polarisations'
says '^ranks     2 on 1 node'
says "^sbatch --nodes=1 --ntasks=2 --ntasks-per-node=2 --mem=1G --time=00:15:00 contimg.sbatch $id --size=256$"
expect 0 plan --group "$id"
says "contimg.sbatch $id$"
expect 3 plan --group 0123456789ab_1
error_says 'no such group'
expect 0 plan --ranks 6 --ranks-per-node 2
says '^sbatch --nodes=3 --ntasks=6 --ntasks-per-node=2'
# Nodes of which nothing is said are like this one, which has no memory for such an image.
expect 5 plan --group "$id" --size 65536
error_says 'memory: a tile needs [0-9.]* GB on each of 1 rank, [0-9.]* GB a node are allowed'
CONTIMG_SHARE=$folder/nowhere expect 6 plan --group "$id"
error_says "nowhere/earth_orientation.csv: No such file.*: CONTIMG_SHARE must name contimg's share folder"
expect 5 plan --size 60000 --memory 1
error_says 'memory: a tile needs'
expect 2 plan --nitre 5
error_says 'did you mean --niter'
expect 3 plan "$folder/contimg.env"
expect 0 plan "$folder"/incoming/2026-01-25T00:00:10_sb0*.hdf5 --json
python3 - "$folder/out" <<'END' || fail "plan --json"
import json, sys
p = json.load(open(sys.argv[1]))
assert p["n_tile"] == 1 and p["n_chan"] == 8 and p["fits"] is True and p["image_size"] > 30, p
assert [a.split("_")[-1] for a in p["arguments"]] == ["sb00.hdf5", "sb01.hdf5"] and p["sbatch"].startswith("sbatch "), p
END
# Files that run would not take: the same exit code and the same line, and no database.
half=$folder/incoming/2026-01-25T00:00:10_sb00.hdf5
for how in "--expected-subbands 4 --min-subbands 3" "--expected-subbands 2"; do
  # shellcheck disable=SC2086
  expect 3 run "$half" $how --calibrated --state-dir "$folder/of_run"
  grep '^contimg: ' "$folder/err" >"$folder/of_run.txt"
  # shellcheck disable=SC2086
  expect 3 plan "$half" $how --state-dir "$folder/of_plan"
  error_says "sub-bands of this observation, missing: .* are needed (--min-subbands, --expected-subbands)"
  grep '^contimg: ' "$folder/err" | cmp -s - "$folder/of_run.txt" || fail "run: $(cat "$folder/of_run.txt")"
  [ ! -e "$folder/of_plan" ] || fail "plan made $folder/of_plan"
done
expect 0 plan "$half" --expected-subbands 1 --min-subbands 1
expect 0 plan --json
grep -q "\"$id\"" "$folder/out" || fail "plan --json names no group"
echo "check, group, plan: as expected"
