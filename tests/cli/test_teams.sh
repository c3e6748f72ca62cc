#!/usr/bin/env bash
# ci-test: timeout=600 cost=55
# Teams: four tiles give the same bytes as 4x1, 2x2, 1x4 and at 1, 2 and 3 ranks; teams are chosen by
# memory, too; a tile that fails stops neither its team nor the others.
set -eu
source_dir=${CONTIMG_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${CONTIMG_BUILD:-$source_dir/build/dev}
export CONTIMG_SHARE="${CONTIMG_SHARE:-$source_dir/share}"
folder=$(mktemp -d "${TMPDIR:-/tmp}/contimg-teams-XXXXXX")
[ "${1:-}" = --keep ] || trap 'rm -rf "$folder"' EXIT
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
  case $name in CONTIMG_SHARE | CONTIMG_TEST_TIMEOUT) ;; *) unset "$name" ;; esac
done

die() {
  echo "FAILED: $*"
  exit 1
}

simulate() { # FOLDER OPTION...: 16 stations, 4 sub-bands of 2 channels
  local out=$1
  shift
  "$source_dir/tests/mpirun.sh" 2 "$build/bin/contimg-sim" --out "$out" \
    --stations 12,17,24,28,30,33,36,40,68,71,74,77,80,84,88,92 --sub-bands 0,4,9,14 --channels 2 \
    --fine 192 --integrations 6 --samples 384 --smear off --dec 33 --seed 3 --calibrator 4 --sefd 40000 \
    --gain-phase random --gain-amp-rms 0.1 --units raw --random 12 --min-flux 0.4 --max-flux 1 \
    --radius 0.8 --isolated 600 "$@" >"$out.log" 2>&1 || die "contimg-sim: $(cat "$out.log")"
}

# run NAME RANKS EXPECTED-CODE FILES-FOLDER OPTION...: no folder, no files named
run() {
  local name=$1 ranks=$2 expected=$3 files=$4 code=0 out=$folder/$1
  local named=()
  [ -z "$files" ] || named=("$files"/*.hdf5)
  shift 4
  mkdir -p "$out"/{staging,state,products}
  printf 'CONTIMG_OUTPUT_DIR=%s/staging\nCONTIMG_STATE_DIR=%s/state\nCONTIMG_PRODUCTS_DIR=%s/products\n' \
    "$out" "$out" "$out" >"$out/contimg.env"
  local start=$SECONDS
  CONTIMG_TEST_TIMEOUT=120 "$source_dir/tests/mpirun.sh" "$ranks" "$build/bin/contimg" run \
    "${named[@]}" --config "$out/contimg.env" --expected-subbands 4 --min-subbands 3 \
    --model "$folder/sky/truth-calibrator.csv" --cell-arcsec 22 --size 480 --niter 300 "$@" \
    >"$out/out" 2>"$out/err" || code=$?
  echo "$name: $ranks ranks, exit $code, $((SECONDS - start)) s, $(grep -o '[0-9]* tiles*, .* teams*$' "$out/err" || true)"
  [ "$code" = "$expected" ] || die "$name: exit $code, $expected expected: $(tail -n 5 "$out/err")"
}

sums() { # NAME: DATASUM of the product's images, and of its source list
  local product
  product=$(dirname "$(find "$folder/$1/products" -name mosaic.fits)")
  for image in mosaic noise weight; do
    printf '%s ' "$image"
    head -c 28800 "$product/$image.fits" | fold -w 80 | grep -a '^DATASUM' | cut -d"'" -f2
  done
  printf 'sources %s\n' "$(sha256sum <"$product/sources.csv")"
  printf 'lines %s\n' "$(wc -l <"$product/sources.csv")"
}

n_tiles() {
  head -c 28800 "$(find "$folder/$1/products" -name mosaic.fits)" | fold -w 80 |
    grep -a '^NTILES' | sed 's/[^0-9]*\([0-9]*\).*/\1/'
}

simulate "$folder/sky" --tiles 4 --start 2026-01-25T04:00:00
run four-1 1 0 "$folder/sky"
sums four-1 >"$folder/one"
cat "$folder/one"
[ "$(grep -c . "$folder/one")" = 5 ] || die "no sums"
[ "$(sed -n 's/^lines //p' "$folder/one")" -ge 6 ] || die "too few sources for a comparison"
[ "$(n_tiles four-1)" = 4 ] || die "$(n_tiles four-1) tiles in the mosaic"
for way in "2 2" "3 3" "4 4" "4 2"; do
  ranks=${way% *} teams=${way#* }
  name=four-$ranks-$teams
  run "$name" "$ranks" 0 "$folder/sky" --teams "$teams"
  grep -qE "$ranks ranks? in $teams teams?\$" "$folder/$name/err" || die "$name: not $teams team(s)"
  sums "$name" | diff "$folder/one" - || die "$name: other bytes than one rank"
done

# Chosen as `contimg plan` chooses: by time where there is memory, the split that needs the least
# where no other fits.
run wide 4 0 "$folder/sky"
grep -q '4 ranks in 4 teams$' "$folder/wide/err" || die "wide: $(grep 'in . team' "$folder/wide/err")"
run tight 4 0 "$folder/sky" --memory 0.2
grep -q '4 ranks in 1 team$' "$folder/tight/err" || die "tight: $(grep 'in . team' "$folder/tight/err")"
grep -q 'WARNING .*may fail for want of memory' "$folder/tight/err" || die "tight: no warning"
sums tight | diff "$folder/one" - || die "tight: other bytes than one rank"

check_rest() { # NAME: the mosaic of three tiles, said to be DEGRADED
  [ "$(n_tiles "$1")" = 3 ] || die "$1: $(n_tiles "$1") tiles in the mosaic, 3 expected"
  grep -q DEGRADED "$folder/$1/out" || die "$1: DEGRADED is not said"
}

# Without data in the first tile, whose team, of two, has the third as well.
cp -r "$folder/sky" "$folder/sky-empty"
simulate "$folder/nan" --tiles 1 --start 2026-01-25T04:00:00 --nan-packets 1 --calibrator-tile 0
cp "$folder"/nan/*.hdf5 "$folder/sky-empty/"
run empty 4 0 "$folder/sky-empty" --teams 2
check_rest empty
grep 'tile .* failed' "$folder/empty/err" || die "empty: the tile that failed is not named"
sums empty >"$folder/rest"
run strict 4 7 "$folder/sky-empty" --teams 4 --strict
sums strict | diff "$folder/rest" - || die "strict: other bytes"

# Cut short: two of four files of the first observation (three are needed), in an input folder (named files that are cut
# short are refused). An hour old, so that nothing more is waited for.
cp -r "$folder/sky" "$folder/sky-cut"
for file in "$folder"/sky-cut/2026-01-25T04:00*_sb0[49].hdf5; do
  truncate -s $(($(stat -c %s "$file") * 6 / 10)) "$file"
done
touch -d '1 hour ago' "$folder"/sky-cut/*.hdf5
run cut 4 0 "" --teams 2 --disk-critical-gb 0.1 --disk-warn-gb 0.1 --input-dir "$folder/sky-cut" --group-size 5
check_rest cut
sums cut | diff "$folder/rest" - || die "cut: other bytes"
echo "same bytes in six ways; a failed tile leaves the rest"
