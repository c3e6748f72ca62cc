#!/usr/bin/env bash
# Each module includes only modules before it, and each outside library only its owner.
set -u
cd "${CONTIMG_SOURCE:-$(dirname "$0")/../..}" || exit 1
modules="base par conf fft num vis h5 fits sky uvh5 flag cal image mosaic phot draw registry ingest plan publish report ops serve tile run cli"
faults=0
fault() { echo "$*"; faults=$((faults + 1)); }

rank_of() {
  local i=0 m
  for m in $modules; do
    [ "$m" = "$1" ] && { echo $i; return; }
    i=$((i + 1))
  done
  echo -1
}

# Module of an included name: "contimg/x.h" or "x/file.h"; empty where it is neither.
check_file() { # file module
  local file=$1 own name target
  own=$(rank_of "$2")
  while IFS= read -r name; do
    case "$name" in
      contimg/options.def) target=conf ;;
      contimg/*.h) target=${name#contimg/}; target=${target%.h} ;;
      */*.h) target=${name%%/*} ;;
      *) target= ;;
    esac
    [ -n "$target" ] || continue
    r=$(rank_of "$target")
    [ "$r" -ge 0 ] || { fault "$file: includes $name of an unknown module"; continue; }
    [ "$r" -le "$own" ] || fault "$file: includes $name, which comes after module $2"
    case "$name" in
      contimg/*) ;;
      par/par_private.h) case "$2" in par | fft) ;; *) fault "$file: par's private header" ;; esac ;;
      "$2"/*) ;;
      *) fault "$file: includes $name, a private header of another module" ;;
    esac
  done < <(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file")
  # conf is seen by tile, run and cli only.
  case "$2" in
    conf | tile | run | cli) ;;
    *) grep -q '"contimg/conf.h"' "$file" && fault "$file: only tile, run and cli may see conf" ;;
  esac
}

# Owner of an outside header.
owner_of() {
  case "$1" in
    mpi.h) echo "par fft" ;;
    fftw3*) echo fft ;;
    gsl/*) echo num ;;
    hdf5*.h | H5*) echo h5 ;;
    erfa.h) echo sky ;;
    fitsio.h | wcslib/*) echo fits ;;
    cairo*) echo draw ;;
    sqlite3.h) echo registry ;;
    microhttpd.h) echo serve ;;
    openssl/* | cjson/* | cJSON.h) echo base ;;
    ini.h) echo conf ;;
  esac
}

for m in $modules; do
  for file in src/"$m"/*.c src/"$m"/*.h include/contimg/"$m".h; do
    [ -e "$file" ] || continue
    check_file "$file" "$m"
    while IFS= read -r name; do
      owners=$(owner_of "$name")
      [ -z "$owners" ] && continue
      case "$file" in include/*) fault "$file: a public header includes <$name>"; continue ;; esac
      case " $owners " in *" $m "*) ;; *) fault "$file: <$name> belongs to $owners" ;; esac
    done < <(sed -n 's/^ *# *include *<\([^>]*\)>.*/\1/p' "$file")
  done
done
for file in include/contimg/*.h; do
  m=$(basename "$file" .h)
  [ "$(rank_of "$m")" -ge 0 ] || fault "$file: no such module"
done
# exit() and MPI_Abort have one place each.
while IFS= read -r line; do fault "$line: exit or MPI_Abort outside par"; done \
  < <(grep -nE '\b(exit|_exit|abort|MPI_Abort)\(' src/*/*.c | grep -v '^src/par/')
[ "$faults" = 0 ] || { echo "$faults faults"; exit 1; }
echo "includes: ok"
