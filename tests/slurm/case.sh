#!/usr/bin/env bash
# Sourced after cluster.sh: a folder with a configuration of its own, small data, jobs and what
# they must come to. Needs CONTIMG_BUILD and CONTIMG_SOURCE.
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$slurm_case"/*.out >&2
  exit 1
}

# slurmd needs root: a user with sudo runs the same script by it. `env` because sudo resets it.
case_as_root() {
  local kept
  [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null || return 0
  mapfile -t kept < <(env | grep -E '^(CONTIMG_[A-Z0-9_]*|PATH|TMPDIR|OMP_NUM_THREADS|LANG)=')
  exec sudo -n env "${kept[@]}" bash "$0"
}

# Nothing of a deployed pipeline, nor of the shell around the test, is read or touched.
case_begin() {
  local name reason
  case_as_root
  if reason=$(slurm_missing); then
    echo "skipped: $reason"
    exit 77
  fi
  for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in CONTIMG_BUILD | CONTIMG_SOURCE | CONTIMG_TEST_*) ;; *) unset "$name" ;; esac
  done
  slurm_case=$(mktemp -d)
  trap 'slurm_stop; rm -rf "$slurm_case"' EXIT
  trap 'exit 1' INT TERM
  mkdir "$slurm_case"/{incoming,elsewhere,staging,state,products}
  cat >"$slurm_case/contimg.env" <<TEXT
CONTIMG_INPUT_DIR=$slurm_case/incoming
CONTIMG_OUTPUT_DIR=$slurm_case/staging
CONTIMG_STATE_DIR=$slurm_case/state
CONTIMG_PRODUCTS_DIR=$slurm_case/products
CONTIMG_DISK_WARN_GB=0.01
CONTIMG_DISK_CRITICAL_GB=0.01
TEXT
  export CONTIMG_CONFIG=$slurm_case/contimg.env
  # Two ranks on a busy machine: wait without burning the core.
  export OMPI_MCA_mpi_yield_when_idle=1
  slurm_start || fail "no Slurm"
}

# The built tree, installed in $slurm_case/prefix; leaves nothing of root's in the build folder.
case_install() {
  cmake --install "$CONTIMG_BUILD" --prefix "$slurm_case/prefix" >"$slurm_case/install.out" 2>&1 ||
    fail "cmake --install: exit $?"
  rm -f "$CONTIMG_BUILD/install_manifest.txt"
}

# case_simulate SUB-BANDS START: three tiles of calibrated data that came in an hour ago, and
# options that make their images small.
case_simulate() {
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout -k 5 60 \
    "$CONTIMG_BUILD/bin/contimg-sim" --out "$slurm_case/incoming" --stations 1,7,14,24,34,68,80,97 \
    --sub-bands "$1" --channels 4 --fine 96 --integrations 4 --tiles 3 --start "$2" --dec 33 \
    --calibrator 12.7 --sefd 500 >"$slurm_case/sim.out" 2>&1 || fail "contimg-sim: exit $?"
  find "$slurm_case/incoming" -name '*.hdf5' -exec touch -d '1 hour ago' {} +
}
case_options() {
  cat >>"$CONTIMG_CONFIG" <<TEXT
CONTIMG_CALIBRATED=true
CONTIMG_SIZE=180
CONTIMG_CELL_ARCSEC=60
CONTIMG_NITER=50
$1
TEXT
}

# job NAME STATE CODE FOLDER ARGUMENT...: sbatch in the folder, waits, compares; output in
# $slurm_case/NAME.out.
job() {
  local name=$1 want="$2 $3" folder=$4 id got
  shift 4
  id=$(cd "$folder" && timeout -k 1 20 sbatch --parsable --output="$slurm_case/$name.out" "$@") ||
    fail "$name: sbatch: exit $?"
  got=$(slurm_wait "$id" "${job_seconds:-200}")
  [ "$got" = "$want" ] || fail "$name: job $id is '$got', '$want' is expected"
}
n_jobs() { timeout -k 1 10 scontrol -o show job 2>/dev/null | grep -c '^JobId='; }
says() { grep -qF -- "$2" "$slurm_case/$1.out" || fail "$1: does not say '$2'"; }

# Published mosaics, one path a line.
published() { find "$slurm_case/products" -name mosaic.fits 2>/dev/null | sort; }
