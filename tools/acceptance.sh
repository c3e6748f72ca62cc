#!/bin/bash
# acceptance.sh: the operators' dry run. With the site's configuration but folders and databases of
# its own: 12 small simulated tiles arrive, groups form, a mosaic publishes itself, a second one fails
# on a read-only products folder and is published by name, an alert rises and clears, HTTP answers.
set -u

usage() {
  cat <<'TEXT'
usage: acceptance.sh [--scratch DIR] [--executor local|slurm] [--load N] [--keep]

One line ok or FAIL for each item of the production checklist's tests; exit code 1 where one failed.
The site's databases and products are not touched, which is one of the items.

  --scratch DIR   a folder with some 100 MB, below which a private one is made and removed; under
                  Slurm one that all nodes see [TMPDIR, /tmp]
  --executor E    local: here, by contimg run; slurm: by contimg-submit [local]
  --load N        in addition N groups at once, two runs for each, of files that come all at once:
                  each is made and published exactly once
  --keep          leave the private folder
TEXT
}

scratch=${TMPDIR:-/tmp} executor=local load=0 keep=0
while [ $# -gt 0 ]; do
  case $1 in
    --scratch | --executor | --load)
      [ $# -ge 2 ] || { echo "acceptance.sh: option $1 needs a value" >&2; exit 2; }
      set -- "$1=$2" "${@:3}" ;;
  esac
  case $1 in
    --help | -h) usage; exit 0 ;;
    --scratch=*) scratch=${1#*=} ;;
    --executor=*) executor=${1#*=} ;;
    --load=*) load=${1#*=} ;;
    --keep) keep=1 ;;
    *) echo "acceptance.sh: '$1' is unknown; --help lists all options" >&2; exit 2 ;;
  esac
  shift
done
case $executor:$load in
  *:*[!0-9]*) echo "acceptance.sh: --load $load: give a number" >&2; exit 2 ;;
  local:* | slurm:*) ;;
  *) echo "acceptance.sh: --executor $executor: give local or slurm" >&2; exit 2 ;;
esac

here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
for bin in "${CONTIMG_HOME:-$here/..}/bin" "$here/../bin" "$here/../../bin" "$here"/../build/{release,dev,ci}/bin; do
  [ ! -x "$bin/contimg-sim" ] || break
done
bin=$(cd "$bin" 2>/dev/null && pwd)
[ -x "$bin/contimg-sim" ] || { echo "acceptance.sh: contimg and contimg-sim are not found" >&2; exit 6; }
PATH=$bin:$PATH
folder=$(mktemp -d "$scratch/contimg-acceptance-XXXXXX") || exit 4
serve=
cleanup() {
  [ -z "$serve" ] || kill "$serve" 2>/dev/null
  chmod -R u+w "$folder"
  [ $keep = 1 ] || rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 75' INT TERM

n_fail=0
ok() { printf 'ok   %-18s %s\n' "$1" "$2"; }
bad() {
  printf 'FAIL %-18s %s\n' "$1" "$2"
  n_fail=$((n_fail + 1))
}
# item NAME TEXT COMMAND...: one line.
item() {
  local name=$1 text=$2
  shift 2
  if "$@" >"$folder/item.out" 2>&1; then
    ok "$name" "$text"
  else
    bad "$name" "$text: $(tail -n 1 "$folder/item.out")"
  fi
}

# ---- the site, and what is private -----------------------------------------------------------------
site_file=${CONTIMG_CONFIG:-$here/../ops/systemd/contimg.env}
[ -r "$site_file" ] || site_file=/dev/null
site_values=$(CONTIMG_CONFIG=$site_file contimg check --values --log-level ERROR) || exit $?
site_value() { sed -n "s/^CONTIMG_$1=\(.*\)  # .*/\1/p" <<<"$site_values"; }
site_sums() {
  local state name
  state=$(site_value STATE_DIR)
  for name in "$(site_value QUEUE_DB)" "$(site_value PRODUCTS_DB)" "$(site_value REGISTRY_DB)" \
    "$(site_value CAL_REGISTRY_DB)" "$state"/*.sqlite3; do
    [ ! -f "$name" ] || sha256sum "$name"
  done | sort -u
}
site_before=$(site_sums)
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1

# private NAME SIZE OVERLAP: folders below $folder/NAME, a configuration that is used from now on.
private() {
  local site_folder=$folder/$1 ours
  mkdir -p "$site_folder"/{incoming,staging,state,products}
  ours='INPUT_DIR|OUTPUT_DIR|SCRATCH_DIR|STATE_DIR|PRODUCTS_DIR|QUEUE_DB|PRODUCTS_DB|REGISTRY_DB|CAL_REGISTRY_DB'
  ours="$ours|EXPECTED_SUBBANDS|MIN_SUBBANDS|CHUNK_MINUTES|GROUP_SIZE|GROUP_OVERLAP|MAX_GROUPS|CALIBRATED|MODEL|CAL"
  ours="$ours|SIZE|CELL_ARCSEC|NITER|DISK_WARN_GB|DISK_CRITICAL_GB|ALERT_COMMAND|ALERT_THRESHOLDS|API_PORT|API_HOST"
  {
    sed -E "/^ *(export +)?(CONTIMG_($ours)|CAL_REGISTRY_DB) *=/d" "$site_file"
    printf 'CONTIMG_%s\n' "INPUT_DIR=$site_folder/incoming" "OUTPUT_DIR=$site_folder/staging" "STATE_DIR=$site_folder/state" \
      "PRODUCTS_DIR=$site_folder/products" EXPECTED_SUBBANDS=4 MIN_SUBBANDS=3 "GROUP_SIZE=$2" "GROUP_OVERLAP=$3" \
      CALIBRATED=true SIZE=180 CELL_ARCSEC=60 NITER=50 DISK_WARN_GB=0 DISK_CRITICAL_GB=0 \
      "ALERT_COMMAND=cat >>'$site_folder/alerts'" "ALERT_THRESHOLDS=$site_folder/thresholds.json"
  } >"$site_folder/contimg.env"
  echo '{"max_failed": 0, "min_success_rate": 0, "max_group_failure_percent": 100}' >"$site_folder/thresholds.json"
  unset "${!CONTIMG_@}"
  export CONTIMG_CONFIG=$site_folder/contimg.env CONTIMG_LOG_LEVEL=INFO
}

# arrive PLACE TILES: small tiles of calibrated data, each file moved in when it is whole.
arrive() {
  contimg-sim --out "$folder/$1/sim" --stations 1,7,14,24,34,68,80,97 --sub-bands 4 --channels 4 --fine 96 \
    --integrations 4 --tiles "$2" --start 2026-01-25T00:00:10 --dec 33 --calibrator 12.7 --sefd 500 &&
    find "$folder/$1/sim" -name '*.hdf5' -exec touch -d '1 hour ago' {} + &&
    mv "$folder/$1"/sim/*.hdf5 "$folder/$1/incoming/"
}
n_words() { contimg status 2>/dev/null | grep -c "$1"; }

# One group by the executor: its run's output in $folder/run.out.
make_one() {
  local id
  if [ "$executor" = local ]; then
    limited contimg run "$@" >"$folder/run.out" 2>&1
    return
  fi
  id=$(cd "$folder" && contimg-submit ${1:+-- "$@"} 2>"$folder/run.out") && [ -n "$id" ] || return 6
  while [ -n "$(squeue -h -j "$id" 2>/dev/null)" ]; do sleep 1; done
  cat "$folder"/*/state/logs/*-"$id".out >>"$folder/run.out" 2>&1
  scontrol -o show job "$id" 2>/dev/null | grep -q 'ExitCode=0:0'
}
# root may write everywhere: without that right.
limited() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search "$@"
  else
    "$@"
  fi
}
staged() { contimg status --json 2>/dev/null | tr -d ' \n\t' | grep -oE '"id":"[^"]*","type":"[a-z]*","state":"staging"' | cut -d '"' -f 4; }
mosaics() { find "$folder/$1/products" -name mosaic.fits 2>/dev/null; }
n_mosaics() { [ "$(mosaics "$1" | wc -l)" = "$2" ] || { mosaics "$1"; return 1; }; }
sums_agree() {
  local name
  mosaics "$1" >"$folder/mosaics.list"
  while read -r name; do (cd "$(dirname "$name")" && sha256sum --quiet -c SHA256SUMS) || return 1; done <"$folder/mosaics.list"
}
read_only() { [ -z "$(find "$folder/$1/products" -type f -perm /222)" ]; }

# ---- the items of the checklist ------------------------------------------------------------------------
test_groups() {
  item "input" "12 tiles arrive" arrive night 12
  item "group formation" "files become observations and groups" contimg group
  [ "$(contimg plan --json --max-groups 10 2>/dev/null | grep -oE '[0-9a-f]{12}_[0-9]+' | sort -u | wc -l)" = 2 ] &&
    ok "groups" "2 groups of 7, 2 tiles in common" || bad "groups" "not 2: $(contimg plan 2>&1 | tail -n 1)"
}

test_publish() {
  item "mosaic creation" "the first group is made by --executor $executor" make_one
  item "auto-publish" "its mosaic published itself" n_mosaics night 1
  item "checksums" "SHA256SUMS of what is published" sums_agree night
  item "permissions" "what is published is read-only" read_only night
}

test_recovery() {
  local id
  chmod 555 "$folder"/night/products "$folder"/night/products/*
  if [ "$executor" = slurm ] && [ "$(id -u)" = 0 ]; then
    make_one --no-publish
    limited contimg publish --id "$(staged | head -n 1)" >"$folder/run.out" 2>&1
  else
    make_one
  fi
  id=$(staged | head -n 1)
  if [ -n "$id" ] && [ "$(mosaics night | wc -l)" = 1 ]; then
    ok "failed publish" "a read-only products folder: the mosaic waits in staging"
  else
    bad "failed publish" "staging '$id': $(tail -n 1 "$folder/run.out")"
  fi
  contimg monitor --quiet >"$folder/alert.out" 2>&1
  [ $? = 1 ] && grep -q '^ALERT failed_products' "$folder/alert.out" &&
    ok "alert" "rises: $(grep -m 1 '^ALERT' "$folder/alert.out")" || bad "alert" "does not rise: $(cat "$folder/alert.out")"
  chmod 755 "$folder"/night/products "$folder"/night/products/*
  item "manual recovery" "contimg publish --id $id" contimg publish --id "$id"
  item "recovered" "both mosaics are published" n_mosaics night 2
  contimg monitor --quiet >"$folder/alert.out" 2>&1
  [ $? = 0 ] && grep -q '^CLEAR failed_products' "$folder/alert.out" &&
    ok "alert" "clears" || bad "alert" "does not clear: $(cat "$folder/alert.out")"
  [ "$(grep -c '"name":.*"failed_products"' "$folder/night/alerts" 2>/dev/null)" = 2 ] &&
    ok "notification" "--alert-command was told twice" || bad "notification" "not told twice: $(cat "$folder/night/alerts" 2>&1)"
}

get() { curl -fsS -m 10 --noproxy '*' "http://127.0.0.1:$port/$1" | grep -qF -- "$2"; }
test_http() {
  contimg serve --port 0 --log-split >"$folder/serve.out" 2>&1 &
  serve=$!
  for _ in $(seq 100); do
    port=$(sed -n 's|.*http://127\.0\.0\.1:\([0-9]*\).*|\1|p' "$folder/serve.out" | head -n 1)
    [ -z "$port" ] || break
    sleep 0.1
  done
  [ -n "$port" ] || { bad "API" "contimg serve does not start: $(tail -n 1 "$folder/serve.out")"; return; }
  item "API health" "curl /api/health" get api/health healthy
  item "API status" "curl /api/status: the queue" get api/status '"queue"'
  item "system metrics" "curl /api/metrics/system" get api/metrics/system '"mem_percent"'
  item "publish status" "curl /api/monitoring/publish/status" get api/monitoring/publish/status '"total_published":	2'
  item "failed publishes" "curl /api/monitoring/publish/failed" get api/monitoring/publish/failed '"failed_publishes"'
  item "Prometheus" "curl /metrics" get metrics contimg
  item "reports" "curl /: the page of runs" get '' '<html'
  kill "$serve"
  wait "$serve"
  [ $? = 0 ] && ok "API stop" "SIGTERM" || bad "API stop" "exit code is not 0: $(tail -n 1 "$folder/serve.out")"
  serve=
}

test_databases() {
  item "databases" "contimg db verify" contimg db verify
  item "backup" "contimg db backup, each copy read back" contimg db backup
  item "monitoring" "contimg monitor --test" contimg monitor --test
}

test_load() {
  local groups group n=0 codes=''
  private load 3 0
  item "load" "$((3 * load)) tiles come at once" arrive load $((3 * load))
  item "load groups" "formed" contimg group
  groups=$(contimg plan --json --max-groups 10000 2>/dev/null | grep -oE '[0-9a-f]{12}_[0-9]+' | sort -u)
  [ "$(wc -w <<<"$groups")" = "$load" ] && ok "load groups" "$load groups" || bad "load groups" "not $load: $groups"
  for group in $groups $groups; do
    n=$((n + 1))
    contimg run --group "$group" >"$folder/load.$n.out" 2>&1 &
    codes="$codes $!"
  done
  for group in $codes; do wait "$group"; done
  n=$(cat "$folder"/load.*.out | grep -c '^published: ')
  [ "$n" = "$load" ] && ok "load publishes" "$load groups, $((2 * load)) runs at once: $n publishes" ||
    bad "load publishes" "$n publishes of $load groups: $(cat "$folder"/load.*.out | grep '^contimg: ' | sort | uniq -c | head -n 3)"
  item "load products" "each exactly once" n_mosaics load "$load"
  item "load checksums" "SHA256SUMS" sums_agree load
  item "load databases" "contimg db verify" contimg db verify
  item "load leases" "none is left" contimg db leases
}

started=$SECONDS
private night 7 2
test_groups
test_publish
test_recovery
test_http
test_databases
[ "$load" = 0 ] || test_load
[ "$(site_sums)" = "$site_before" ] &&
  ok "production" "$(grep -c . <<<"$site_before") databases of the site have the checksums of before" ||
  bad "production" "the site's databases changed: by its own services, if they are running, or by this test"
echo "acceptance.sh: $n_fail failed, $((SECONDS - started)) s"
[ $n_fail = 0 ]
