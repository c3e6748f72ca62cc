#!/usr/bin/env bash
# ci-test: timeout=300
# A publish is killed before every system call that changes the file system or a database, and
# each such call is made to fail in turn. Calls are counted first, so a new step is covered
# without being listed. After recovery: published once, whole, no .part, databases sound.
# CONTIMG_TEST_EXHAUSTIVE=1: every call, three times; else a run of calls of one kind on one
# descriptor counts as first, middle, last.
set -u
driver=$CONTIMG_BUILD/tests/test_publish_driver
if ! command -v strace > /dev/null; then echo "skipped: no strace"; exit 77; fi
if [ ! -x "$driver" ]; then echo "skipped: $driver is not built"; exit 77; fi
if ! strace -o /dev/null true 2> /dev/null; then echo "skipped: strace may not trace here"; exit 77; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
calls=write,pwrite64,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,fchmod,rmdir,openat
repeat=1
[ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ] && repeat=3

new_case() {
  rm -rf "$work/case"
  cp -a "$work/staged" "$work/case"
}
# The staged path is absolute: staged where it is used.
mkdir "$work/case"
"$driver" stage "$work/case" || exit 1
mv "$work/case" "$work/staged"

# ---- count ------------------------------------------------------------------------------
new_case
strace -o "$work/trace" -e trace=$calls "$driver" publish "$work/case" || exit 1
"$driver" check "$work/case" || { echo "an undisturbed publish is not sound"; exit 1; }
# Per call: its numbers. Of openat those that make something; of runs first, middle, last.
python=$(command -v python3) || { echo "skipped: no python3"; exit 77; }
"$python" - "$work/trace" "${CONTIMG_TEST_EXHAUSTIVE:-}" > "$work/points" <<'END'
import re, sys
count, runs, last = {}, [], None
for line in open(sys.argv[1]):
    m = re.match(r'(\w+)\(([^,)]*)', line)
    if not m:
        continue
    name, first = m.groups()
    count[name] = count.get(name, 0) + 1
    if name == 'openat' and 'O_CREAT' not in line:
        continue
    key = (name, first)
    if key != last:
        runs.append([])
    last = key
    runs[-1].append((name, count[name]))
for run in runs:
    some = run if sys.argv[2] or len(run) < 4 else [run[0], run[len(run) // 2], run[-1]]
    for name, n in some:
        print(name, n)
END
n_point=$(wc -l < "$work/points")
[ "$n_point" -ge 20 ] || { echo "only $n_point calls seen: the trace is not what it should be"; exit 1; }

# ---- kill, and fail ----------------------------------------------------------------------
n_kill=0 n_fail=0 n_bad=0
for _ in $(seq $repeat); do
  while read -r name number; do
    new_case
    # In a subshell: it is the one that would say "Killed".
    (strace -o /dev/null -e trace="$name" -e inject="$name:signal=SIGKILL:when=$number" \
      "$driver" publish "$work/case"; true) > "$work/out" 2>&1
    n_kill=$((n_kill + 1))
    if ! "$driver" recover "$work/case" >> "$work/out" 2>&1 || ! "$driver" check "$work/case" >> "$work/out" 2>&1; then
      echo "killed before $name number $number:"; cat "$work/out"; n_bad=$((n_bad + 1))
    fi
  done < "$work/points"
done
errors="ENOSPC EIO EACCES EROFS"
[ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ] || errors="ENOSPC EIO"
i=0
while read -r name number; do
  i=$((i + 1))
  for error in $errors; do
    # In the short form each point is tried with one of the errors.
    [ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ] || { [ $((i % 2)) = 0 ] && [ $error = EIO ]; } || { [ $((i % 2)) = 1 ] && [ $error = ENOSPC ]; } || continue
    new_case
    strace -o /dev/null -e trace="$name" -e inject="$name:error=$error:when=$number" \
      "$driver" publish "$work/case" > "$work/out" 2>&1
    code=$?
    n_fail=$((n_fail + 1))
    # Published all the same (a clean-up or a write of the log failed), or an exit code that
    # says what it was: 4 I/O, 5 disk.
    case $code in 0|4|5) ;; *) echo "$name number $number $error: exit $code"; cat "$work/out"; n_bad=$((n_bad + 1)); continue ;; esac
    if ! "$driver" staged "$work/case" >> "$work/out" 2>&1 || ! "$driver" recover "$work/case" >> "$work/out" 2>&1 ||
       ! "$driver" check "$work/case" >> "$work/out" 2>&1; then
      echo "$name number $number fails with $error (exit $code):"; cat "$work/out"; n_bad=$((n_bad + 1))
    fi
  done
done < "$work/points"
echo "$n_point points: killed $n_kill times, failed $n_fail times, $n_bad unsound"
[ $n_bad = 0 ]
