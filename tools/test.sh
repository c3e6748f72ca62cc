#!/usr/bin/env bash
# Installs what is needed, builds and passes every test. Works on a fresh Debian 12, as root
# or as a user with sudo.
#   tools/test.sh            everything
#   tools/test.sh --quick    no second compiler, no static analysis, no sanitizers
#   tools/test.sh --exhaustive   everything, each test in its exhaustive form: hours, for a nightly run
set -eu
cd "$(dirname "$0")/.."
quick=0
exhaustive=OFF
case ${1:-} in
  '') ;;
  --quick) quick=1 ;;
  --exhaustive) exhaustive=ON ;;
  *)
    sed -n '2,6s/^# \{0,1\}//p' "$0"
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac
if [ -d ../shared/data ]; then
  export CONTIMG_TEST_DATA="${CONTIMG_TEST_DATA:-$(cd ../shared/data && pwd)}"
fi
n_core=$(nproc)
n_test=$((n_core + 1)) # at a time: many wait for a launcher, for Slurm, for a lease
step() { printf '\n==== %s (%s)\n' "$1" "$(date -u +%H:%M:%SZ)"; }

step "packages"
tools/install_deps.sh --tests

step "test venv"
venv=build/venv
if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c 'import pyuvdata, ducc0, scipy' 2>/dev/null; then
  mkdir -p build
  /usr/bin/python3 -m venv $venv
  $venv/bin/pip install --quiet --disable-pip-version-check numpy scipy h5py astropy pyuvdata ducc0
fi
venv=$(pwd)/$venv

step "gcc, warnings are errors"
cmake --preset ci -DCONTIMG_TEST_VENV="$venv" -DCONTIMG_TEST_EXHAUSTIVE=$exhaustive >/dev/null
cmake --build --preset ci

if [ $quick = 0 ]; then
  step "format"
  git ls-files '*.c' '*.h' | xargs -P "$n_core" -n 100 clang-format --dry-run --Werror
  step "shell scripts"
  git ls-files '*.sh' .ci/run slurm | xargs grep -lE '^#!.*(bash|sh)' |
    xargs -P "$n_core" -n 10 shellcheck -S warning
  step "static analysis"
  cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr -j "$n_core" -Iinclude -Isrc \
    --enable=warning,portability --suppress=missingIncludeSystem --suppress=unknownMacro \
    -D_GNU_SOURCE src tools/sim
  step "clang, warnings are errors"
  cmake --preset clang -DBUILD_TESTING=OFF >/dev/null
  cmake --build --preset clang
fi

step "tests"
ctest --test-dir build/ci -j "$n_test" --output-on-failure --no-tests=error --timeout 600

if [ $quick = 0 ]; then
  step "sanitizers"
  cmake --preset asan -DCONTIMG_TEST_VENV="$venv" >/dev/null
  cmake --build --preset asan
  ctest --test-dir build/asan -j "$n_test" --output-on-failure --no-tests=error --timeout 900 \
    -R '^(unit/|mpi/.*/2$|cli/test_wrong_input)' -E 'mpi/test_mosaic(_noise)?/' # ten tiles: minutes under them
fi
step "all tests passed"
