#!/usr/bin/env bash
# mpirun.sh N PROGRAM [ARG...]: N ranks with tests/mpi.env and a time-out.
# N = 0 starts the program without a launcher.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/mpi.env"
n=$1
shift
if [ "$n" = 0 ]; then
  exec timeout -k 10 "${CONTIMG_TEST_TIMEOUT:-600}" "$@"
fi
exec timeout -k 10 "${CONTIMG_TEST_TIMEOUT:-600}" mpirun -n "$n" "$@"
