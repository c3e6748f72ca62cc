#!/usr/bin/env bash
# install_deps.sh [--tests] [--list]: installs, with apt-get, the Debian packages that contimg is
# built from and runs with; --tests adds those of the tests. Does nothing where all are there.
# --list prints their names, one a line, and installs nothing.
set -eu
build="build-essential cmake ninja-build pkg-config git ca-certificates
  openmpi-bin libopenmpi-dev libhdf5-openmpi-dev bitshuffle libfftw3-dev libfftw3-mpi-dev
  libcfitsio-dev wcslib-dev liberfa-dev libgsl-dev libsqlite3-dev libcjson-dev libinih-dev
  libssl-dev libcairo2-dev fonts-dejavu-core libmicrohttpd-dev"
tests="libcmocka-dev slurm-wlm munge sqlite3 logrotate curl strace python3 python3-venv clang clang-format shellcheck
  cppcheck groff-base"

packages=$build
list=
for option in "$@"; do
  case $option in
    --tests) packages="$build $tests" ;;
    --list) list=yes ;;
    *) echo "usage: tools/install_deps.sh [--tests] [--list]" >&2; exit 2 ;;
  esac
done
if [ -n "$list" ]; then
  for package in $packages; do echo "$package"; done
  exit 0
fi

missing=
for package in $packages; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "packages: all there"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "install_deps.sh: this is no Debian: install what corresponds to:$missing" >&2
  exit 6
fi
if [ "$(id -u)" = 0 ]; then
  sudo=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  sudo=sudo
else
  echo "install_deps.sh: neither root nor sudo: have these installed:$missing" >&2
  exit 6
fi
echo "packages: installing$missing"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
