# What the tests of the programs share; sourced by tests/cli/*.sh. A folder of its own that
# is removed at the end, no configuration but what a test gives, and these functions.
set -u
contimg=$CONTIMG_BUILD/bin/contimg
sim=$CONTIMG_BUILD/bin/contimg-sim
runner=$CONTIMG_SOURCE/tests/mpirun.sh
data=${CONTIMG_TEST_DATA:-$CONTIMG_SOURCE/../shared/data}
folder=$(mktemp -d)
trap 'cleanup' EXIT
out=$folder/.out err=$folder/.err
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
  case $name in CONTIMG_BUILD | CONTIMG_SOURCE | CONTIMG_SHARE | CONTIMG_TEST_*) ;; *) unset "$name" ;; esac
done
export CONTIMG_CONFIG= CONTIMG_TEST_TIMEOUT=${CONTIMG_TEST_TIMEOUT:-200}
. "$CONTIMG_SOURCE/tests/mpi.env"
cd "$folder" || exit 1
mkdir out # --out makes no folder

# As root, or a user with sudo.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
cleanup() {
  cd /
  mountpoint -q "$folder/small" && as_root umount "$folder/small"
  rm -rf "$folder"
}
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# What a user of MPI would not take for contimg's own words.
own_lines() { grep -a '^contimg: ' "$err"; }

# try RANKS ARG...: runs contimg (0: without a launcher); its exit code in $code, its output in
# $out and $err. Every try, good or bad, must give back all counted memory on every rank.
try() {
  local ranks=$1
  shift
  "$runner" "$ranks" "$contimg" "$@" ${1:+--log-level DEBUG} >"$out" 2>"$err"
  code=$?
  tried="at $ranks ranks: contimg $*"
  if grep -a 'still counted' "$err" >&2; then fail "$tried: memory was not given back"; fi
}

# good TEXT RANKS ARG...: exit 0, no error line, TEXT somewhere in what was said.
good() {
  local text=$1
  shift
  try "$@"
  [ $code = 0 ] || fail "$tried: exit $code: $(grep -av -e ' INFO ' -e ' DEBUG ' "$err")"
  [ -z "$(own_lines)" ] || fail "$tried: exit 0 and $(own_lines)"
  grep -aqF -- "$text" "$out" "$err" || fail "$tried: no '$text' in $(cat "$out" "$err")"
}

# bad CODE TEXT RANKS ARG...: that exit code, and one line on stderr, which holds TEXT.
bad() {
  local expected=$1 text=$2
  shift 2
  try "$@"
  [ $code = "$expected" ] ||
    fail "$tried: exit $code, not $expected: $(grep -av -e ' INFO ' -e ' DEBUG ' "$err")"
  [ "$(own_lines | wc -l)" = 1 ] || fail "$tried: not one line: $(own_lines)"
  own_lines | grep -qF -- "$text" || fail "$tried: no '$text' in: $(own_lines)"
  if [ "$1" = 0 ] && ! tail -n 1 "$err" | grep -q '^contimg: '; then
    fail "$tried: the last line is not the error: $(tail -n 1 "$err")"
  fi
}

# The cards of a FITS file's first header, the checksum of its data among them, without those
# that name the run.
fits_cards() {
  local cards
  cards=$(head -c 57600 "$1" | LC_ALL=C fold -b -w 80 | LC_ALL=C sed '/^END *$/q' |
    LC_ALL=C grep -avE '^(DATE|CHECKSUM|HISTORY|CREATOR|HOSTNAME|RUNID|NRANK|COMMENT)[ =]')
  grep -q '^DATASUM' <<<"$cards" || fail "$1: no DATASUM"
  sed 's|^\(DATASUM[^/]*\)/.*|\1|' <<<"$cards" # its comment holds the time of writing
}

# A small array with both arms, and one calibrator bright enough to be seen at once.
simulate() {
  "$runner" 0 "$sim" --stations 1,8,15,24,32,40,48,70,78,86,94,102 --channels 4 \
    --integrations 4 --gain-phase random --gain-amp-rms 0.1 --units raw --calibrator 12.7 "$@" \
    >/dev/null 2>"$err" || fail "contimg-sim $*: $(cat "$err")"
}

# refused CODE TEXT FILE...: by every command at one process, by one of them in turn at two
# ranks.
turn=0
refused() {
  local expected=$1 text=$2
  shift 2
  bad "$expected" "$text" 0 run "$@" $places $image --model $model
  bad "$expected" "$text" 0 image "$@" $image --out out/x
  bad "$expected" "$text" 0 calibrate "$@" --model $model --out out/x
  turn=$((turn + 1))
  case $((turn % 3)) in
    0) bad "$expected" "$text" 2 calibrate "$@" --model $model --out out/x ;;
    1) bad "$expected" "$text" 2 run "$@" $places $image --model $model ;;
    2) bad "$expected" "$text" 2 image "$@" $image --out out/x ;;
  esac
  [ -z "$(find out products staging -type f 2>/dev/null)" ] ||
    fail "$*: files were left: $(find out products staging -type f)"
}
