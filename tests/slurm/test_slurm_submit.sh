#!/usr/bin/env bash
# ci-test: timeout=600 cost=15
# contimg-submit on a real Slurm: checks, groups, plans, submits; never the same work twice.
set -u
. "$CONTIMG_SOURCE/tests/slurm/cluster.sh"
. "$CONTIMG_SOURCE/tests/slurm/case.sh"
case_begin
case_install
export PATH=$slurm_case/prefix/bin:$PATH
cd "$slurm_case/elsewhere" || exit 1

# submit NAME CODE ARGUMENT...: standard output in $slurm_case/NAME.out, errors in NAME.err.out.
submit() {
  local name=$1 want=$2 got
  shift 2
  timeout -k 1 60 contimg-submit "$@" >"$slurm_case/$name.out" 2>"$slurm_case/$name.err.out"
  got=$?
  [ $got = "$want" ] || fail "$name: exit $got, $want is expected"
}

submit help 0 --help
says help "usage: contimg-submit"
[ ! -s "$slurm_case/help.err.out" ] || fail "--help writes to stderr"
submit unknown 2 --nodse 3
says unknown.err "option --nodse is unknown"
submit valueless 2 --time
submit both 2 "$CONTIMG_CONFIG" 0123456789ab_1769299209999986
submit absent 3 no_such_file.hdf5
says absent.err "no_such_file.hdf5: no such file"
submit nothing 0
says nothing "nothing to do: no complete group in $slurm_case/incoming"
CONTIMG_INPUT_DIR=$slurm_case/nowhere submit unready 6
says unready.err "FAIL input"
[ "$(n_jobs)" = 0 ] || fail "a job was submitted"

# Another site's file or folders, given as options of the run, are the site that is looked at.
submit other_folder 6 -- --input-dir "$slurm_case/nowhere"
says other_folder.err "$slurm_case/nowhere is not a folder"
sed "s|$slurm_case/incoming|$slurm_case/other|" "$CONTIMG_CONFIG" >"$slurm_case/other.env"
mkdir "$slurm_case/other"
submit other_file 0 -- --config="$slurm_case/other.env"
says other_file "nothing to do: no complete group in $slurm_case/other"
rm -r "$slurm_case/other"

case_simulate 4 2026-01-25T00:00:10
case_options CONTIMG_EXPECTED_SUBBANDS=4
submit dry 0 --dry-run --ntasks 2 --time 00:30:00
cmp -s <(head -n "$(wc -l <"$slurm_case/prefix/share/contimg/contimg.sbatch")" "$slurm_case/dry.out") \
  "$slurm_case/prefix/share/contimg/contimg.sbatch" || fail "dry: not the script"
tail -n 1 "$slurm_case/dry.out" | grep -Eq "^# CONTIMG_HOME=$slurm_case/prefix sbatch .*--ntasks=2 .*--mem=1G .*--time=00:30:00 .*contimg.sbatch [0-9a-f]{12}_[0-9]+$" ||
  fail "dry: $(tail -n 1 "$slurm_case/dry.out")"
[ "$(n_jobs)" = 0 ] || fail "--dry-run submitted a job"

# ---- options of the run are checked before anything is submitted; so is what it needs ---------
submit mistake 2 -- --nitre 5
says mistake.err "did you mean --niter?"
submit too_large 5 -- --size=40000
says too_large.err "memory: a tile needs"
[ "$(n_jobs)" = 0 ] || fail "a job that cannot run was submitted"

submit never 6 --ntasks 99
says never.err "can never start this job"
[ "$(n_jobs)" = 0 ] || fail "a job that can never start was submitted"

# Nobody knows which jobs there are: none is submitted.
echo Nonsense=1 >"$slurm_case/no.conf"
SLURM_CONF=$slurm_case/no.conf submit no_squeue 6
says no_squeue.err "squeue does not tell which jobs there are; nothing submitted"

# ---- one job, once ------------------------------------------------------------------------------
# Held back, so that it waits for sure when the second comes.
timeout -k 1 10 scontrol update PartitionName=all State=DOWN || fail "scontrol"
submit first 0 -- --niter=20
id=$(cat "$slurm_case/first.out")
[[ $id =~ ^[0-9]+$ ]] || fail "first: '$id' is no job's id"
submit second 0
[ ! -s "$slurm_case/second.out" ] || fail "second: submitted again"
says second.err "has a job already: $id (pending); nothing submitted"
[ "$(n_jobs)" = 1 ] || fail "$(n_jobs) jobs"
timeout -k 1 10 scontrol update PartitionName=all State=UP || fail "scontrol"
got=$(slurm_wait "$id" 200)
cp "$slurm_case/state/logs/contimg-$id.out" "$slurm_case/job.out"
[ "$got" = "COMPLETED 0" ] || fail "job $id: $got"
says job "--niter=20"
[ "$(published | wc -l)" = 1 ] || fail "published: $(published)"
submit finished 0
says finished "nothing to do"

# ---- two jobs for one group, past contimg-submit: one makes it, the other does no work ------------
rm -rf "$slurm_case"/{state,staging,products}/*
contimg group >/dev/null 2>&1 || fail "contimg group"
group=$(contimg plan --json 2>/dev/null | grep -oE '[0-9a-f]{12}_[0-9]+' | head -n 1)
export CONTIMG_HOME=$slurm_case/prefix
a=$(sbatch --parsable -n 1 --mem=1G --output="$slurm_case/a.out" "$CONTIMG_HOME/share/contimg/contimg.sbatch" "$group")
b=$(sbatch --parsable -n 1 --mem=1G --output="$slurm_case/b.out" "$CONTIMG_HOME/share/contimg/contimg.sbatch" "$group")
both="$(slurm_wait "$a" 200)
$(slurm_wait "$b" 200)"
[ "$(grep -c '^COMPLETED 0$' <<<"$both")" = 2 ] ||
  { [ "$(sort <<<"$both")" = "COMPLETED 0
FAILED 6" ] && cat "$slurm_case"/[ab].out | grep -qE "\(job ($a|$b)\)"; } || fail "two jobs: $both"
[ "$(cat "$slurm_case"/[ab].out | grep -c '^published: ')" = 1 ] || fail "two jobs: not published once"
[ "$(published | wc -l)" = 1 ] || fail "two jobs: $(published)"

# ---- files ------------------------------------------------------------------------------------------
unset CONTIMG_HOME
submit files 0 ../incoming/2026-01-25T00:01:01_sb0*.hdf5
id=$(cat "$slurm_case/files.out")
got=$(slurm_wait "$id" 200)
cp "$slurm_case/state/logs/contimg-$id.out" "$slurm_case/files_job.out"
[ "$got" = "COMPLETED 0" ] || fail "files: job $id: $got"
[ "$(published | wc -l)" = 2 ] || fail "files: $(published)"

# ---- one group a call: those that have a job or wait do not keep the next from being chosen --------------
rm -rf "$slurm_case"/{state,staging,products,incoming}/*
for hour in 00 04 08 12; do case_simulate 4 2026-01-26T$hour:00:10; done
timeout -k 1 10 scontrol update PartitionName=all State=DOWN || fail "scontrol"
touch -d '1 day ago' "$slurm_case"/incoming/2026-01-26T00*
submit since 0 --dry-run -- --since "$(date -u -d '3 hours ago' +%FT%T)"
says since.err "passed over 12 files in $slurm_case/incoming, older than"
contimg group >/dev/null 2>&1 || fail "contimg group"
mapfile -t group < <(contimg plan --json --max-groups 9 2>/dev/null | grep -oE '[0-9a-f]{12}_[0-9]{16}' | awk '!seen[$0]++')
[ ${#group[@]} = 4 ] || fail "groups: ${group[*]}"
sqlite3 "$slurm_case/state/ingest.sqlite3" "UPDATE mosaic_groups SET next_try_at=unixepoch()+9999 WHERE group_id='${group[1]}'"
for chosen in 0 2 3; do
  submit one 0
  job=$(cat "$slurm_case/one.out")
  [ "$(squeue -h -j "$job" -o %k)" = "contimg:${group[chosen]}" ] ||
    fail "job '$job' is not of group $chosen, ${group[chosen]}: $(squeue -h -o '%i %k')"
done
submit none 0
[ ! -s "$slurm_case/none.out" ] || fail "a group that waits, or has a job, was submitted"
squeue -h -o %i | xargs -r scancel
timeout -k 1 10 scontrol update PartitionName=all State=UP || fail "scontrol"

# ---- every node, by a job of its own on each ---------------------------------------------------------
contimg check --nodes >"$slurm_case/nodes.out" 2>"$slurm_case/nodes.err.out" || fail "check --nodes: exit $?"
says nodes "ok   testnode   "
echo "submitted: $(n_jobs) jobs, $(published | wc -l) products; two jobs for one group: $(tr '\n' ' ' <<<"$both")"
