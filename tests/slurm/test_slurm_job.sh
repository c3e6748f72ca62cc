#!/usr/bin/env bash
# ci-test: timeout=600 cost=95
# contimg.sbatch on a real Slurm: as it is, with groups, with files; where it finds the program;
# exit codes. slurmd runs a spooled copy of it.
set -u
. "$CONTIMG_SOURCE/tests/slurm/cluster.sh"
. "$CONTIMG_SOURCE/tests/slurm/case.sh"
case_begin
case_install
sbatch_file=$slurm_case/prefix/share/contimg/contimg.sbatch
[ -r "$sbatch_file" ] && [ -x "$slurm_case/prefix/bin/contimg" ] || fail "not installed"
# A tree as it is after a build, without an installation.
mkdir -p "$slurm_case/tree/build"
ln -s "$CONTIMG_BUILD" "$slurm_case/tree/build/dev"
elsewhere=$slurm_case/elsewhere

# ---- nothing to do; a TMPDIR as systemd leaves it; no program -----------------------------
# shellcheck disable=SC2016
unusable='${CONTIMG_SCRATCH_DIR}/tmp'
# slurmd resets TMPDIR before the script sees it, and nothing else.
CONTIMG_HOME=$slurm_case/prefix TMPDIR=$unusable TMP=$unusable job empty COMPLETED 0 "$elsewhere" "$sbatch_file"
says empty "nothing to do: no complete group in $slurm_case/incoming"
says empty "warning: TMP '$unusable' is not usable, /tmp is used"
grep -q "TMPDIR.* /tmp" "$slurm_case/empty.out" || fail "empty: TMPDIR"
CONTIMG_HOME=$slurm_case/nowhere job lost FAILED 6 "$elsewhere" "$sbatch_file"
says lost "no program at '$slurm_case/nowhere/bin/contimg': set CONTIMG_HOME"
PATH=/usr/sbin:/usr/bin:/sbin:/bin job lost_too FAILED 6 "$elsewhere" "$sbatch_file"

# ---- the oldest complete group, found by PATH; once ----------------------------------------
case_simulate 4 2026-01-25T00:00:10
case_options CONTIMG_EXPECTED_SUBBANDS=4
PATH=$slurm_case/prefix/bin:$PATH job oldest COMPLETED 0 "$elsewhere" "$sbatch_file"
says oldest "contimg.sbatch: srun --mpi=pmix $slurm_case/prefix/bin/contimg run"
[ "$(published | wc -l)" = 1 ] || fail "oldest: published: $(published)"
grep -q '"n_rank":.*2' "$slurm_case"/state/reports/*/report.json || fail "oldest: not 2 ranks"
sum=$(sha256sum "$(published)")
group=$(published | xargs dirname | xargs basename)
CONTIMG_HOME=$slurm_case/prefix job again COMPLETED 0 "$elsewhere" "$sbatch_file"
says again "nothing to do"
CONTIMG_HOME=$slurm_case/prefix job by_id COMPLETED 0 "$elsewhere" "$sbatch_file" "$group"
says by_id "group $group was published before"
[ "$(sha256sum "$(published)")" = "$sum" ] || fail "a second run changed the product"

# ---- files, relative ones, from a source tree; mpirun where srun has no PMIx ----------------
job files COMPLETED 0 "$slurm_case/tree" "$CONTIMG_SOURCE/slurm/contimg.sbatch" \
  ../incoming/2026-01-25T00:00:10_sb00.hdf5 ../incoming/2026-01-25T00:00:10_sb01.hdf5 \
  ../incoming/2026-01-25T00:00:10_sb02.hdf5 ../incoming/2026-01-25T00:00:10_sb03.hdf5
says files "/build/dev/bin/contimg run"
[ "$(published | wc -l)" = 2 ] || fail "files: published: $(published)"
mkdir "$slurm_case/no_pmix"
cat >"$slurm_case/no_pmix/srun" <<TEXT
#!/bin/bash
[ "\$1" = --mpi=list ] && { echo "MPI plugin types are... none"; exit 0; }
exec $(command -v srun) "\$@"
TEXT
chmod +x "$slurm_case/no_pmix/srun"
PATH=$slurm_case/no_pmix:$slurm_case/prefix/bin:$PATH job mpirun COMPLETED 0 "$slurm_case/incoming" \
  "$sbatch_file" 2026-01-25T00:01:01_sb00.hdf5 2026-01-25T00:01:01_sb01.hdf5 \
  2026-01-25T00:01:01_sb02.hdf5 2026-01-25T00:01:01_sb03.hdf5
says mpirun "contimg.sbatch: mpirun -n 2"
[ "$(published | wc -l)" = 3 ] || fail "mpirun: published: $(published)"

# ---- asked to end under mpirun: at a safe point, with its report and no lease --------------------
id=$(cd "$slurm_case/incoming" && PATH=$slurm_case/no_pmix:$slurm_case/prefix/bin:$PATH \
  sbatch --parsable --output="$slurm_case/stopped.out" "$sbatch_file" 2026-01-25T00:01:53_sb0*.hdf5 \
  --size=1400 --niter=100000) || fail "stopped: sbatch"
for _ in $(seq 600); do
  grep -qs ' flag ' "$slurm_case/stopped.out" && break
  sleep 0.2
done
timeout -k 1 20 scancel --batch --signal=TERM "$id"
got=$(slurm_wait "$id" 200)
[ "$got" = "FAILED 75" ] || fail "stopped: job $id is '$got'"
says stopped "stopped on request"
[ "$(sqlite3 "$slurm_case/state/ingest.sqlite3" \
  "SELECT count(*) FROM mosaic_groups WHERE lease_host IS NOT NULL")" = 0 ] || fail "stopped: a lease stays"
grep -qE '"exit_code":[[:space:]]*75' "$slurm_case"/state/reports/*/report.json || fail "stopped: no report"

# ---- the end of the time limit: the script asks Slurm for a signal, two minutes before ------------------
grep -qx '#SBATCH --signal=B:USR1@120' "$sbatch_file" || fail "the script asks for no signal before its time is over"
if [ -n "${CONTIMG_TEST_EXHAUSTIVE:-}" ]; then # Slurm looks at limits twice a minute
  id=$(cd "$slurm_case/incoming" && PATH=$slurm_case/prefix/bin:$PATH sbatch --parsable --time=00:01:00 \
    --signal=B:USR1@50 --output="$slurm_case/limit.out" "$sbatch_file" 2026-01-25T00:01:53_sb0*.hdf5 \
    --size=2000 --niter=1000000) || fail "limit: sbatch"
  got=$(slurm_wait "$id" 200)
  [ "$got" = "FAILED 75" ] || fail "limit: job $id is '$got'"
  says limit "stopped on request"
fi

# ---- contimg's exit codes are the job's -------------------------------------------------------
export CONTIMG_HOME=$slurm_case/prefix
head -c 100000 "$slurm_case/incoming/2026-01-25T00:00:10_sb00.hdf5" >"$elsewhere/short.hdf5"
job short FAILED 3 "$elsewhere" "$sbatch_file" short.hdf5
says short "short.hdf5: truncated"
job absent FAILED 3 "$elsewhere" "$sbatch_file" 0123456789ab_1769299209999986 fedcba987654_1769299209999986
says absent "--group 0123456789ab_1769299209999986: no such group"
says absent "--group fedcba987654_1769299209999986: no such group"
job unknown FAILED 2 "$elsewhere" "$sbatch_file" --nitre 5
says unknown "did you mean --niter?"
[ "$(published | wc -l)" = 3 ] || fail "a failed job published: $(published)"
echo "eleven jobs: $(published | wc -l) products"
