#!/usr/bin/env bash
# ci-test: timeout=600 cost=23
# The operators' dry run under a real Slurm: every item ok, the groups made by jobs, whose logs are in
# the state folder; the watching service submits what is there, and leaves jobs alone when it ends.
set -u
. "$CONTIMG_SOURCE/tests/slurm/cluster.sh"
. "$CONTIMG_SOURCE/tests/slurm/case.sh"
case_begin
case_install
export PATH=$slurm_case/prefix/bin:$PATH

contimg db migrate >"$slurm_case/migrate.out" 2>&1 || fail "db migrate"
timeout -k 5 300 "$slurm_case/prefix/share/contimg/acceptance.sh" --executor slurm --scratch "$slurm_case" \
  >"$slurm_case/acceptance.out" 2>&1 || fail "acceptance.sh: exit $?: $(cat "$slurm_case/acceptance.out")"
! grep '^FAIL' "$slurm_case/acceptance.out" || fail "FAIL, and exit 0"
[ "$(n_jobs)" = 2 ] || fail "$(n_jobs) jobs"

case_simulate 4 2026-01-25T00:00:10
case_options CONTIMG_EXPECTED_SUBBANDS=4
contimg-stream --interval 1 >"$slurm_case/stream.out" 2>&1 &
stream=$!
for _ in $(seq 600); do [ -z "$(published)" ] || break; sleep 0.3; done
kill -TERM $stream
wait $stream || fail "contimg-stream ends with $?"
[ "$(published | wc -l)" = 1 ] || fail "published: $(published)"
says stream "executor slurm"
[ "$(n_jobs)" = 3 ] || fail "the watching service: $(n_jobs) jobs"
[ "$(find "$slurm_case/state/logs" -name 'contimg-[0-9]*.out' | wc -l)" = 1 ] || fail "logs: $(ls "$slurm_case/state/logs")"
echo "acceptance under Slurm: $(grep -c '^ok ' "$slurm_case/acceptance.out") items ok, $(n_jobs) jobs"
