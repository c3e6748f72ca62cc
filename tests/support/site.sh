#!/usr/bin/env bash
# A site of its own for the tests of the deployment; sourced. The script that sources it is started
# again in private mount, process and network namespaces, in a root folder where /data and /stage are
# the test's, with a port 8000 of its own: nothing of the machine is changed, and every process that was
# started ends with it. There $site is the site's folder, as the checklist names it, and sudo, systemctl,
# crontab and npm are stand-ins that record their calls in $SITE_RECORD/calls.
set -u
site=/data/dsa110-contimg

fail() {
  echo "FAILED: $*" >&2
  tail -n 5 "$site"/state/logs/contimg-*.err >&2 2>/dev/null
  exit 1
}

# The root folder: all of the machine's, but for /data and /stage.
site_root() {
  local entry top=$1
  mount -t tmpfs tmpfs "$top" || return 1
  for entry in /*; do
    case $entry in /data | /stage) continue ;; esac
    if [ -L "$entry" ]; then
      cp -a "$entry" "$top$entry"
    elif [ -d "$entry" ]; then
      mkdir "$top$entry" && mount --rbind "$entry" "$top$entry"
    fi || return 1
  done
  mkdir -p "$top/data/dsa110-contimg" "$top/data/incoming" "$top/stage/dsa110-contimg"
  mkdir -p "$SITE_FOLDER"/{units,record,site}
  mount --bind "$SITE_FOLDER/units" "$top/etc/systemd/system" &&
    mount --bind "$SITE_FOLDER/site" "$top/data/dsa110-contimg"
}

# A network namespace begins with its loopback down: SIOCSIFFLAGS, IFF_UP and IFF_RUNNING.
site_loopback() {
  python3 -c 'import fcntl, socket, struct
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x41))'
}

site_stand_ins() {
  local name python
  mkdir -p "$SITE_FOLDER/bin"
  python=$(python3 -c 'import sys; print(sys.executable)')
  { echo "#!$python -SE"; tail -n +2 "$CONTIMG_SOURCE/tests/support/systemctl.py"; } >"$SITE_FOLDER/bin/systemctl"
  printf '#!/bin/sh\necho "sudo $*" >>"$SITE_RECORD/calls"\nexec "$@"\n' >"$SITE_FOLDER/bin/sudo"
  for name in crontab npm; do
    printf '#!/bin/sh\necho "%s $*" >>"$SITE_RECORD/calls"\n' $name >"$SITE_FOLDER/bin/$name"
  done
  ln -s "$python" "$SITE_FOLDER/bin/python"
  chmod +x "$SITE_FOLDER"/bin/*
  chmod 755 "$SITE_FOLDER"
}

site_enter() {
  local code name
  case ${SITE_STEP:-} in
    inside)
      # Nothing goes on outside: the folders are the test's own mounts, in a process space of its own.
      [ "$(stat -c %d:%i /data/dsa110-contimg)" = "$(stat -c %d:%i "${SITE_FOLDER:?}/site")" ] &&
        [ "$(stat -c %d:%i /etc/systemd/system)" = "$(stat -c %d:%i "$SITE_FOLDER/units")" ] ||
        { echo "FAILED: not in the test's own root folder" >&2; exit 1; }
      return 0 ;;
    namespace)
      site_root "$SITE_FOLDER/top" || { echo "skipped: no private mounts here"; exit 77; }
      site_loopback || { echo "skipped: no private loopback here"; exit 77; }
      SITE_STEP=inside exec chroot "$SITE_FOLDER/top" bash "$(readlink -f "$0")" ;;
  esac
  [ "$(id -u)" = 0 ] || { echo "skipped: namespaces and services of another user need root"; exit 77; }
  [ -d /etc/systemd/system ] || { echo "skipped: no systemd here"; exit 77; }
  unshare --mount --net --pid --fork --mount-proc true 2>/dev/null || { echo "skipped: no namespaces here"; exit 77; }
  for name in $(env | sed -n 's/^\(CONTIMG_[A-Z0-9_]*\)=.*/\1/p'); do
    case $name in CONTIMG_BUILD | CONTIMG_SOURCE | CONTIMG_TEST_*) ;; *) unset "$name" ;; esac
  done
  SITE_FOLDER=$(mktemp -d)
  export SITE_FOLDER SITE_RECORD=$SITE_FOLDER/record
  mkdir "$SITE_FOLDER/top"
  site_stand_ins
  # Not exec: the folder is to be removed, whatever happens inside.
  trap 'rm -rf --one-file-system "$SITE_FOLDER"' EXIT
  PATH=$SITE_FOLDER/bin:$PATH SITE_STEP=namespace unshare --mount --net --pid --fork --kill-child --mount-proc bash "$(readlink -f "$0")"
  code=$?
  exit $code
}

# Folders as the operators have them, and an installation to deploy from.
site_make() {
  mkdir -p "$site/state" "$site/products"
  chown daemon:daemon "$site/state" "$site/products" /data/incoming /stage/dsa110-contimg
  chmod 2775 "$site/state"
  prefix=$SITE_FOLDER/prefix
  env -u DESTDIR cmake --install "$CONTIMG_BUILD" --prefix "$prefix" >"$SITE_FOLDER/install.out" 2>&1 ||
    fail "cmake --install: $(tail -n 3 "$SITE_FOLDER/install.out")"
  rm -f "$CONTIMG_BUILD/install_manifest.txt"
}
called() { grep -qxF -- "$1" "$SITE_RECORD/calls" || fail "no call '$1' in: $(cat "$SITE_RECORD/calls")"; }
