# What tests of runs that go on from others share: four sub-bands of three tiles in sim, `run`, and what is
# compared. Sourced after cli.sh.
export CONTIMG_EXPECTED_SUBBANDS=4 CONTIMG_MIN_SUBBANDS=3
simulate --out sim --sub-bands 4 --tiles 3 --random 3
options="--model sim/truth-calibrator.csv --size 128 --cell-arcsec 25 --niter 300"
here=$(pwd -P) # folders are named in full, however they were given
run() { # run RANKS FOLDER ARG...
  local ranks=$1 base=$2
  shift 2
  try "$ranks" run sim/*.hdf5 $options --state-dir "$base/state" --output-dir "$base/staging" \
    --products-dir "$base/products" "$@"
}

# sound FOLDER: one published product, complete, and nothing else.
sound() {
  local published database
  published=$(find "$1/products" -mindepth 2 -maxdepth 2 | wc -l)
  [ "$published" = 1 ] || fail "$1: $published products: $(find "$1/products" -maxdepth 2)"
  (cd "$1"/products/*/* && sha256sum --quiet -c SHA256SUMS) || fail "$1: SHA256SUMS"
  # But the report of a run that was killed stays as it was.
  [ -z "$(find "$1" -name '*.part*' -not -path '*/reports/*')" ] ||
    fail "$1: left $(find "$1" -name '*.part*')"
  for database in "$1"/state/*.sqlite3; do
    [ "$(sqlite3 "$database" 'PRAGMA integrity_check')" = ok ] || fail "$database: not sound"
    [ -z "$(sqlite3 "$database" 'PRAGMA foreign_key_check')" ] || fail "$database: keys"
  done
  published=$(sqlite3 "$1/state/data_registry.sqlite3" \
    "SELECT count(*) FROM state_changes WHERE to_state='published'" 2>/dev/null)
  [ "$published" = 1 ] || fail "$1: $published changes to published"
}
# What a product is, without what names the run.
content() {
  (cd "$1"/products/*/* && for f in mosaic noise weight; do fits_cards $f.fits; done
  sha256sum sources.csv)
}
everything() { (cd "$1" && find products staging -type f -exec sha256sum {} + | sort -k2); }
# whole_make: the product that all others are compared with, in ./whole.
whole_make() {
  run 2 whole
  [ $code = 0 ] || fail "$tried: exit $code: $(own_lines)"
  sound whole
}
