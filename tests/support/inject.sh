# Faults injected into a program's system calls; sourced by tests/fault. Calls are counted first, so
# that a new step is covered without being listed.
# CONTIMG_TEST_EXHAUSTIVE=1: every call, three times, with each error; else see inject.py, and each
# call is tried with one of two errors.
skip() { echo "skipped: $*"; exit 77; }
command -v strace >/dev/null || skip "no strace"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
inject_python=$(command -v python3) || skip "no python3"
inject_calls=$("$inject_python" "$CONTIMG_SOURCE/tests/support/inject.py" --calls)
inject_repeat=1 inject_all=
[ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ] && inject_repeat=3 inject_all=--all
n_kill=0 n_fail=0 n_bad=0
inject_told=0

# inject_tell POINTS WHAT: once a minute how far it is, so that a long form is seen to go on.
inject_tell() {
  [ $((SECONDS - inject_told)) -ge 60 ] || return 0
  inject_told=$SECONDS
  echo "$SECONDS s: $(basename "$1"), $(wc -l <"$1") calls: $2; in all killed $n_kill times, failed $n_fail times, $n_bad unsound"
}

# inject_driver NAME: the program in $driver, and $work, a folder that goes at the end.
inject_driver() {
  driver=$CONTIMG_BUILD/tests/$1
  [ -x "$driver" ] || skip "$driver is not built"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

# inject_count POINTS FOLDER LEAST [--only WORD]... -- COMMAND...: what COMMAND calls, LEAST at least.
inject_count() {
  local points=$1 case_folder=$2 least=$3 only=() n
  shift 3
  while [ "$1" != -- ]; do
    only+=("$1")
    shift
  done
  shift
  strace -y -o "$points.trace" -e trace="$inject_calls" "$@" || { echo "undisturbed: exit $?"; return 1; }
  "$inject_python" "$CONTIMG_SOURCE/tests/support/inject.py" "$points.trace" "$case_folder" $inject_all \
    "${only[@]}" >"$points"
  n=$(wc -l <"$points")
  [ "$n" -ge "$least" ] || { echo "only $n calls seen: the trace is not what it should be"; return 1; }
}

# inject_kills POINTS OUT BEGIN GOOD COMMAND...: COMMAND, killed before each call; the functions BEGIN
# makes what it works on, GOOD says whether what is left is sound, onto OUT.
inject_kills() {
  local points=$1 out=$2 begin=$3 good=$4 name number
  shift 4
  for _ in $(seq $inject_repeat); do
    while read -r name number; do
      "$begin"
      # In a subshell: it is the one that would say "Killed".
      (strace -o /dev/null -e trace="$name" -e inject="$name:signal=SIGKILL:when=$number" "$@"; true) \
        >"$out" 2>&1 </dev/null
      n_kill=$((n_kill + 1))
      inject_tell "$points" "killed before $name number $number"
      "$good" >>"$out" 2>&1 && continue
      echo "killed before $name number $number:"
      cat "$out"
      n_bad=$((n_bad + 1))
    done <"$points"
  done
}

# inject_errors POINTS OUT BEGIN GOOD COMMAND...: the same with calls that fail. COMMAND ends well all
# the same (a clean-up or a line of a log failed), or says what it was: 4 I/O, 5 disk.
inject_errors() {
  local points=$1 out=$2 begin=$3 good=$4 name number error code i=0 errors
  shift 4
  while read -r name number; do
    i=$((i + 1))
    errors=EIO
    [ $((i % 2)) = 1 ] && errors=ENOSPC
    [ -n "$inject_all" ] && errors="ENOSPC EIO EACCES EROFS"
    for error in $errors; do
      "$begin"
      strace -o /dev/null -e trace="$name" -e inject="$name:error=$error:when=$number" "$@" \
        >"$out" 2>&1 </dev/null
      code=$?
      n_fail=$((n_fail + 1))
      inject_tell "$points" "$name number $number fails with $error"
      case $code in 0 | 4 | 5) "$good" >>"$out" 2>&1 && continue ;; esac
      echo "$name number $number fails with $error (exit $code):"
      cat "$out"
      n_bad=$((n_bad + 1))
    done
  done <"$points"
}

# inject_end WHAT: the sums, and whether all was sound.
inject_end() {
  echo "$1: killed $n_kill times, failed $n_fail times, $n_bad unsound"
  [ $n_bad = 0 ]
}
