#!/bin/bash
# deploy.sh: lays contimg down in a site's folder with its services, and takes that back.
set -u

usage() {
  cat <<'TEXT'
usage: deploy.sh [--root DIR] [--mode both|streaming|manual] [--from PREFIX] [--user NAME]
                 [--dry-run | --prepare | --rollback] [--unit-dir DIR]

Checks the site, copies the databases, migrates them, lays down programs, scripts and units,
starts the services, and asks the API for its health before it says that all is well.

  --root DIR      the site's folder [the one that this script is laid down in, else
                  /data/dsa110-contimg]
  --mode M        both: API and watching service; streaming (or stream): the watching service
                  without the API; manual (or api): the API only. The monitor, the daily copy of
                  the databases and the rotation of logs go with each. [both]
  --from PREFIX   the installation to lay down (cmake --install) [the one that this script is of,
                  the build of its source tree, or what lies in the site's folder already]
  --user NAME     whom the services run as [the owner of the state folder]
  --dry-run       says what would be done, changes nothing
  --prepare       lays down the files and goes no further: no database, no service is touched
  --rollback      puts programs, scripts and units back as they were before the last deployment;
                  databases stay as they are; refused while a run has a lease
  --unit-dir DIR  where systemd has its units [/etc/systemd/system]

The site's ops/systemd/contimg.env is never replaced. What is replaced is kept in
ops/deployments/<time>/before. Exit codes are contimg's: 2 usage, 6 not ready or refused.
TEXT
}
say() { echo "deploy.sh: $*"; }
fail() {
  echo "deploy.sh: $2" >&2
  exit "$1"
}

# The caller's own settings are not the site's.
for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
root='' mode=both from='' user='' action=deploy unit_dir=/etc/systemd/system
while [ $# -gt 0 ]; do
  case $1 in
    --root | --mode | --from | --user | --unit-dir)
      [ $# -ge 2 ] || fail 2 "option $1 needs a value"
      set -- "$1=$2" "${@:3}" ;;
  esac
  case $1 in
    --help | -h) usage; exit 0 ;;
    --*=) fail 2 "option ${1%=} needs a value" ;;
    --root=*) root=${1#*=} ;;
    --mode=*) mode=${1#*=} ;;
    --from=*) from=${1#*=} ;;
    --user=*) user=${1#*=} ;;
    --unit-dir=*) unit_dir=${1#*=} ;;
    --dry-run | --prepare | --rollback)
      [ $action = deploy ] || fail 2 "give one of --dry-run, --prepare, --rollback"
      action=${1#--} ;;
    *) fail 2 "'$1' is unknown; --help lists all options" ;;
  esac
  shift
done
case $mode in
  both) services="contimg-api contimg-stream contimg-monitor" ;;
  streaming | stream) services="contimg-stream contimg-monitor" ;;
  manual | api) services="contimg-api contimg-monitor" ;;
  *) fail 2 "--mode $mode: give both, streaming or manual" ;;
esac
timers="contimg-backup.timer contimg-logs.timer"

# ---- where things are ----------------------------------------------------------------------------
if [ -z "$root" ]; then
  root=/data/dsa110-contimg
  [ "$(basename "$here")" = ops ] && root=$(dirname "$here")
fi
[ -d "$root" ] || fail 6 "--root $root: no such folder"
root=$(cd "$root" && pwd)
case $root in *[!A-Za-z0-9._/+-]*) fail 2 "--root $root: letters, digits and ._+- only" ;; esac
env_file=$root/ops/systemd/contimg.env
record=

# The templates and the installation. In a source tree they are apart.
find_source() {
  local folder_name
  deploy=$here/deploy
  if [ "$here" = "$root/ops" ]; then deploy=$root/share/contimg/deploy; fi
  [ -r "$deploy/contimg-api.service" ] || fail 6 "$deploy: the units are not there: install contimg again"
  if [ -n "$from" ]; then
    bin=$from/bin share=$from/share/contimg
  elif [ "$here" = "$root/ops" ]; then
    bin=$root/bin share=$root/share/contimg
  elif [ -x "$here/../../bin/contimg" ]; then
    bin=$here/../../bin share=$here
  else
    for folder_name in release dev ci; do
      bin=$here/../build/$folder_name/bin
      [ ! -x "$bin/contimg" ] || break
    done
    share=$here/../share
  fi
  [ -x "$bin/contimg" ] || fail 6 "$bin/contimg is not there: cmake --install, then --from PREFIX"
}

# contimg's program that is to be laid down, with the site's configuration, as the services' user.
as_user() {
  if [ "$(id -un)" = "$user" ]; then
    "$@"
  elif [ "$(id -u)" = 0 ]; then
    setpriv --reuid="$user" --regid="$group" --init-groups "$@"
  else
    sudo -u "$user" --preserve-env=CONTIMG_CONFIG,CONTIMG_SHARE "$@"
  fi
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# What the site's file says; where there is none, what the one laid down would say.
read_site() {
  local values
  export CONTIMG_CONFIG=$env_file
  [ -e "$env_file" ] || CONTIMG_CONFIG=$fresh/site/ops/systemd/contimg.env
  # To go back, the state's folder is enough: a mistake in the file may be why.
  if [ $action = rollback ] && ! "$bin/contimg" check --values --log-level ERROR >/dev/null 2>&1; then
    values=$(sed -n 's/^[[:space:]]*CONTIMG_STATE_DIR=\(.*\)/CONTIMG_STATE_DIR=\1  # file/p' "$CONTIMG_CONFIG" | tail -n 1)
    [ -n "$values" ] || fail 2 "$CONTIMG_CONFIG: no CONTIMG_STATE_DIR=, and not all of it is right: contimg check --values"
  else
    values=$("$bin/contimg" check --values --log-level ERROR) ||
      fail 2 "$CONTIMG_CONFIG: see the line above"
  fi
  state=$(sed -n 's/^CONTIMG_STATE_DIR=\(.*\)  # .*/\1/p' <<<"$values")
  port=$(sed -n 's/^CONTIMG_API_PORT=\(.*\)  # .*/\1/p' <<<"$values")
  # As contimg serve takes it.
  host=$(sed -n 's/^CONTIMG_API_HOST=\(.*\)  # .*/\1/p' <<<"$values")
  case $host in 0.0.0.0) host=127.0.0.1 ;; *:*) host="[$host]" ;; esac
  [ -d "$state" ] || fail 6 "CONTIMG_STATE_DIR $state is not there: mount its disk, or make it"
  state=$(cd "$state" && pwd)
  case $state in *[!A-Za-z0-9._/+-]*) fail 2 "CONTIMG_STATE_DIR $state: letters, digits and ._+- only" ;; esac
  [ -n "$user" ] || user=$(stat -c %U "$state")
  id "$user" >/dev/null 2>&1 || fail 2 "--user $user: no such user"
  group=$(stat -c %G "$state")
}

# ---- what is laid down ---------------------------------------------------------------------------
# put SOURCE TARGET MODE: into the folder $fresh, values of the site in place of @NAME@.
put() {
  [ -d "$fresh/${2%/*}" ] || mkdir -p "$fresh/${2%/*}"
  case $2 in
    site/bin/* | site/share/* | */deploy.sh | */acceptance.sh) cp "$1" "$fresh/$2" ;;
    *) sed -e "s|@ROOT@|$root|g" -e "s|@STATE@|${state:-}|g" -e "s|@USER@|$user|g" \
      -e "s|@GROUP@|${group:-}|g" "$1" >"$fresh/$2" ;;
  esac && chmod "$3" "$fresh/$2" ||
    fail 4 "$fresh/$2: cannot be written, nothing was changed: set TMPDIR to a folder with 50 MB free"
}

must_run() {
  local why
  why=$(as_user "$contimg" --version 2>&1) || fail 4 \
    "$contimg: $user cannot run it, nothing was changed: set TMPDIR to a folder that $user may enter and that is not mounted noexec: $why"
}

put_programs() {
  local name
  for name in contimg contimg-sim contimg-submit contimg-stream; do
    if [ -e "$bin/$name" ]; then
      put "$bin/$name" "site/bin/$name" 755
    elif [ -e "$here/../slurm/$name" ]; then
      put "$here/../slurm/$name" "site/bin/$name" 755
    fi
  done
  for name in "$share"/* "$here"/../slurm/contimg.sbatch; do
    [ ! -f "$name" ] || put "$name" "site/share/contimg/${name##*/}" 644
  done
}

put_all() {
  local name
  put_programs
  for name in "$deploy"/*; do
    put "$name" "site/share/contimg/deploy/${name##*/}" "$(stat -c %a "$name")"
    case $name in
      *.sh | *.py) put "$name" "site/scripts/${name##*/}" 755 ;;
      *.service | *.timer)
        put "$name" "site/ops/systemd/${name##*/}" 644
        put "$name" "units/${name##*/}" 644 ;;
      */logrotate.conf) put "$name" site/ops/logrotate.conf 644 ;;
      */contimg.env)
        put "$name" site/ops/systemd/contimg.env.shipped 644
        [ -e "$env_file" ] || put "$name" site/ops/systemd/contimg.env 644 ;;
    esac
  done
  put "$(readlink -f "$0")" site/ops/deploy.sh 755
  name=$here/acceptance.sh
  [ -e "$name" ] || name=$root/share/contimg/acceptance.sh
  put "$name" site/share/contimg/acceptance.sh 755
  put "$name" site/scripts/acceptance.sh 755
}

# Sets $target.
target_of() {
  case $1 in
    site/*) target=$root/${1#site/} ;;
    units/*) target=$unit_dir/${1#units/} ;;
  esac
}

# Names in $fresh of files that are new or differ from what is there.
changed_files() {
  local name target
  (cd "$fresh" && find . -type f -printf '%P\n' | LC_ALL=C sort) | while read -r name; do
    target_of "$name"
    case $action:$name in prepare:units/*) continue ;; esac
    if [ ! -e "$target" ] && [ ! -L "$target" ]; then
      echo "new $name"
    elif ! cmp -s "$fresh/$name" "$target" || [ -L "$target" ]; then
      echo "replaced $name"
    fi
  done
}

# As the owner of the target folder may: the site's own files without sudo where they are ours.
into() {
  local folder=$1
  shift
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  if [ -w "$folder" ]; then "$@"; else as_root "$@"; fi
}

# Every file by rename: what runs goes on with what it has.
lay_down() {
  local kind name target
  while read -r kind name; do
    target_of "$name"
    if [ "$kind" = replaced ]; then
      mkdir -p "$record/before/${name%/*}" && cp -a "$target" "$record/before/$name" || return 4
    fi
    # The site's own from now on.
    [ "$name" = site/ops/systemd/contimg.env ] || echo "$kind $name" >>"$record/files"
    into "${target%/*}" mkdir -p "${target%/*}" || return 4
    into "${target%/*}" cp "$fresh/$name" "$target.fresh" &&
      into "${target%/*}" mv -f "$target.fresh" "$target" ||
      { into "${target%/*}" rm -f "$target.fresh"; return 4; }
  done <<<"$1"
}

# ---- services ------------------------------------------------------------------------------------
is_active() { systemctl is-active --quiet "$1" 2>/dev/null; }
is_enabled() { systemctl is-enabled --quiet "$1" 2>/dev/null; }

note_services() {
  local unit
  for unit in contimg-api.service contimg-stream.service contimg-monitor.service $timers; do
    is_enabled "$unit" && echo "enabled $unit"
    is_active "$unit" && echo "active $unit"
  done
}

start_services() {
  local unit list=()
  for unit in $services; do list+=("$unit.service"); done
  as_root systemctl daemon-reload || return 6
  # What this mode has not, and ran before.
  for unit in contimg-api contimg-stream; do
    case " $services " in
      *" $unit "*) ;;
      *) ! is_active $unit.service || as_root systemctl disable --now $unit.service || return 6 ;;
    esac
  done
  # shellcheck disable=SC2086
  as_root systemctl enable "${list[@]}" $timers || return 6
  # shellcheck disable=SC2086
  as_root systemctl restart "${list[@]}" $timers || return 6
}

# The API's own word, for a while after its start, of the version that was laid down: another program
# may have the port. Then whether what was started is there still.
ask_health() {
  local answer='' unit try where=http://$host:$port/api/health version
  version=$("$contimg" --version)
  case " $services " in
    *" contimg-api "*)
      for try in $(seq 30); do
        answer=$(curl -sS -g -m 5 --noproxy '*' -w ' %{http_code}' "$where" 2>&1)
        case $answer in
          *"\"${version#contimg }\""*" 200") break ;;
          *" 200") [ "$try" -lt 5 ] || break ;;
        esac
        sleep 1
      done
      case $answer in
        *"\"${version#contimg }\""*" 200") say "$where: ${answer% 200}" ;;
        *" 200") say "$where: another program answers on this port: $answer" >&2; return 6 ;;
        *) say "$where: not well after $try s: $answer" >&2; return 6 ;;
      esac ;;
  esac
  # What ends at once is waiting to be started again by then.
  sleep 2
  for unit in $services; do
    is_active "$unit.service" || { say "$unit.service is not active: systemctl status $unit" >&2; return 6; }
  done
}

# The services write to these from the first line on, whoever makes them.
make_logs() {
  local name
  as_root mkdir -p "$state/logs" || return 4
  as_user test -w "$state/logs" || { give "$state/logs" && as_root chmod 2775 "$state/logs/."; } || return 4
  for name in "$state"/logs/contimg-{api,stream,monitor}.{out,err}; do
    [ -e "$name" ] || as_user sh -c 'umask 002; : >>"$1"' sh "$name" || return 4
    as_user test -w "$name" || give "$name" || return 4
  done
}

# To the services' user, who may have put a link to a file of another there.
give() {
  [ ! -L "$1" ] || { say "$1: a link to what $user may not write: remove it" >&2; return 4; }
  as_root chown -h "$user:$group" "$1"
}

# ---- the three actions ---------------------------------------------------------------------------
make_fresh() {
  fresh=$(mktemp -d) || exit 4
  trap 'rm -rf "$fresh"' EXIT
  chmod 755 "$fresh"
  put "$deploy/contimg.env" site/ops/systemd/contimg.env 644
  read_site
  rm -f "$fresh/site/ops/systemd/contimg.env"
  put_all
  [ -e "$env_file" ] || CONTIMG_CONFIG=$fresh/site/ops/systemd/contimg.env
  chmod -R a+rX "$fresh"
  # Whoever the services run as may not see where it was built.
  contimg=$fresh/site/bin/contimg
}

check_site() {
  say "contimg check with $CONTIMG_CONFIG, as $user"
  as_user "$contimg" check --log-level WARNING "$@"
}

# Nobody works on a database that another program is to read and write.
check_leases() {
  local held
  held=$(as_user "$1" db leases --log-level ERROR 2>&1) || fail 6 "refused, nothing was changed: $held"
}

# The programs of before, where they were contimg's, must know the databases as they are now.
check_older() {
  local older=$record/before/site/bin/contimg held code
  [ -x "$older" ] || return 0
  held=$(as_user "$older" db leases --log-level ERROR 2>&1)
  code=$?
  [ $code != 6 ] ||
    fail 6 "refused, nothing was changed: $("$older" --version) of before cannot work with the databases: $held
$(cat "$record/copies" 2>/dev/null): their copies from before the deployment, for contimg db restore; what was recorded since is not in them"
}

# A record, ours to write in though the site's folders may be another's.
make_record() {
  record=$root/ops/deployments/$(date -u +%Y-%m-%dT%H-%M-%SZ)
  into "$root/ops/deployments" mkdir -p "$root/ops/deployments" &&
    into "$root/ops/deployments" mkdir "$record" && own_record || fail 4 "$record: cannot be made"
}

own_record() { [ -w "$record" ] || as_root chown -R "$(id -u):$(id -g)" "$record"; }

# Nothing was laid down: there is nothing to take back.
drop_record() {
  into "$root/ops/deployments" rm -rf "$record"
  fail 4 "$1"
}

fill_record() {
  note_services >"$record/services"
  "$contimg" --version >"$record/version" &&
    echo "${copies:-}" >"$record/copies" && : >"$record/files" || fail 4 "$record: cannot be written"
}

# One at a time works on a site.
lock_site() {
  exec 9<"$root" || fail 6 "$root: cannot be read"
  flock -n -E 99 9 2>/dev/null || [ $? != 99 ] || fail 6 "another deploy.sh works on $root"
}

deploy_site() {
  local files copies
  umask 002
  files=$(changed_files)
  if [ $action = dry-run ]; then
    check_site --dry-run || say "not ready: a deployment would end here with exit code 6"
    say "would copy the databases of $state to $state/backups, and migrate them"
    while read -r kind name; do
      [ -n "$kind" ] || continue
      target_of "$name"
      say "would lay down ($kind) $target"
    done <<<"$files"
    [ ! -e "$env_file" ] || say "would keep $env_file"
    say "would start: $services $timers"
    return 0
  fi
  lock_site
  [ $action = prepare ] || must_run
  if [ $action = deploy ]; then
    # A check by another user may have made the folder for itself.
    make_logs || fail 4 "$state/logs: cannot be made writable for $user"
    check_site || fail 6 "the site is not ready (lines FAIL above); nothing was changed"
    copies=$state/backups/deploy-$(date -u +%Y-%m-%dT%H-%M-%SZ)
    check_leases "$contimg"
  fi
  make_record
  if [ $action = deploy ]; then
    as_user "$contimg" db backup "$copies" --log-level WARNING || drop_record "the databases could not be copied; nothing was changed"
    as_user "$contimg" db migrate --log-level WARNING || drop_record "the databases could not be migrated; copies are in $copies"
  fi
  fill_record
  [ -z "$files" ] || lay_down "$files" || fail 4 "laying down failed: deploy.sh --root $root --rollback"
  say "$(wc -l <"$record/files") files laid down in $root and $unit_dir, record $record"
  if [ $action = prepare ]; then return 0; fi
  start_services && ask_health ||
    fail 6 "not well; as it was before: $root/ops/deploy.sh --root $root --rollback"
  say "well: $("$root/bin/contimg" --version), mode $mode"
}

# A copy; the file itself where the disk is full, which is no reason to stay.
copy() {
  into "${2%/*}" cp -a "$1" "$2" 2>/dev/null || { into "${2%/*}" rm -f "$2" && into "${2%/*}" ln -P "$1" "$2"; }
}

# Puts one file back as it was before; as it was after the deployment it is kept in the record.
put_back() {
  local kind=$1 name=$2 folder
  target_of "$name"
  folder=${target%/*}
  if [ -e "$target" ]; then
    mkdir -p "$record/after/${name%/*}" && copy "$target" "$record/after/$name" ||
      say "$target: of this deployment, is not kept" >&2
  fi
  if [ "$kind" = replaced ]; then
    copy "$record/before/$name" "$target.fresh" && into "$folder" mv -f "$target.fresh" "$target"
  else
    into "$folder" rm -f "$target" "$target.fresh"
    case $name in site/*) into "$folder" rmdir -p --ignore-fail-on-non-empty "$folder" 2>/dev/null ;; esac
    return 0
  fi
}

rollback_site() {
  local kind name unit held
  lock_site
  # One that ended before it had a list of files has laid nothing down.
  record=$(find "$root/ops/deployments" -mindepth 2 -maxdepth 2 -path '*Z/files' -printf '%h\n' 2>/dev/null | LC_ALL=C sort | tail -n 1)
  [ -n "$record" ] || fail 6 "$root/ops/deployments: there is no deployment to take back"
  must_run
  check_leases "$contimg"
  check_older
  own_record || fail 4 "$record: cannot be written"
  for unit in contimg-api contimg-stream contimg-monitor; do
    ! is_active $unit.service || as_root systemctl stop $unit.service || fail 6 "$unit does not stop"
  done
  held=$(as_user "$contimg" db leases --log-level ERROR 2>&1) ||
    fail 6 "refused, services are stopped, nothing else was changed: $held"
  while read -r kind name; do
    case $kind:$name in
      new:units/*) as_root systemctl disable --now "${name##*/}" >/dev/null 2>&1 ;;
    esac
    put_back "$kind" "$name" || fail 4 "$target: could not be put back; again: deploy.sh --rollback"
  done <"$record/files"
  as_root systemctl daemon-reload
  while read -r kind unit; do
    case $kind in
      enabled) as_root systemctl enable "$unit" ;;
      active) as_root systemctl start "$unit" ;;
    esac || say "$unit is not $kind again: systemctl status $unit" >&2
  done <"$record/services"
  into "$root/ops/deployments" mv "$record" "$record.rolled-back" || fail 4 "$record: cannot be renamed"
  say "as before the deployment of $(basename "$record"); databases as they are; kept in $record.rolled-back"
}

find_source
make_fresh
case $action in
  rollback) rollback_site ;;
  *) deploy_site ;;
esac
