#!/usr/bin/env bash
# ci-test: timeout=300
# contimg check --nodes: the same check on each node by srun, each folder really the same one, the same
# program. Slurm is a stand-in here: its nodes see this machine's folders, or others.
. "$CONTIMG_SOURCE/tests/support/cli.sh"
mkdir bin incoming staging state products elsewhere
touch -d '1 hour ago' incoming/a.hdf5
echo data >incoming/b.hdf5
touch -d '1 hour ago' incoming/b.hdf5
# nodeA: as here; nodeB: another state folder; nodeC: another program; nodeD: busy; nodeE: no
# contimg; nodeF: down; nodeG: another input folder. Each partition lists its nodes.
cat >bin/sinfo <<'TEXT'
#!/bin/sh
[ "$2" = -N ] || { echo "all* up"; exit 0; }
echo "$SINFO_NODES" | tr ' ' '\n' | while read -r node; do
  case $node in nodeF) echo "$node all* down*" ;; *) echo "$node all* idle"; echo "$node big mix" ;; esac
done
TEXT
cat >bin/srun <<'TEXT'
#!/bin/sh
case $* in --mpi=list) echo pmix; exit 0 ;; esac
while [ $# -gt 0 ]; do
  case $1 in
    --nodelist) node=$2; shift ;;
    --partition) [ "$2" = all ] || exit 9; shift ;;
    -*) ;;
    *) break ;;
  esac
  shift
done
echo "$node" >>asked
case $node in
  nodeB) exec "$@" --state-dir "$PWD/elsewhere" ;;
  nodeC) sed -i 's/^version .*/version 9.9/' state/.contimg-check-*; exec "$@" ;;
  nodeD) echo "srun: error: Unable to allocate resources: Requested nodes are busy" >&2; exit 1 ;;
  nodeE) echo "slurmstepd: error: execve(): $1: No such file or directory" >&2; exit 2 ;;
  nodeG) exec "$@" --input-dir "$PWD/elsewhere" ;;
  *) exec "$@" ;;
esac
TEXT
printf '#!/bin/sh\nexit 0\n' >bin/sbatch
chmod +x bin/*
export PATH=$folder/bin:$PATH CONTIMG_DISK_CRITICAL_GB=0
places="--input-dir incoming --output-dir staging --state-dir state --products-dir products"
says() { grep -qE -- "$1" "$out" || fail "no '$1' in: $(cat "$out")"; }
SINFO_NODES="nodeA nodeF" good "" 0 check --nodes $places
says '^ok   nodeA .* none FAIL; the same contimg and the same folders$'
says '^warn nodeF +is down\*: not looked at$'
[ "$(cat asked)" = nodeA ] || fail "asked: $(cat asked)"
SINFO_NODES="nodeA nodeB nodeD nodeE nodeG nodeC" bad 6 'checks failed' 0 check --nodes $places
says '^FAIL nodeB +shared: .*elsewhere: what was written there is not seen here: not the same state folder'
says '^FAIL nodeC +version: contimg .* here, 9.9 where it was asked'
says '^warn nodeD +is busy, not looked at .*Requested nodes are busy'
says '^FAIL nodeE +contimg does not answer there .exit code 2.: slurmstepd: .*No such file'
says '^FAIL nodeG +shared: .*elsewhere: has no b.hdf5 of 5 bytes here'
! grep -qE '^(ok|warn) +node[BCEG]' "$out" || fail "a node that failed: $(cat "$out")"
rm incoming/*
SINFO_NODES=nodeA good 'no file in it is at rest' 0 check --nodes $places --json
! find . -name '.contimg-check*' | grep . || fail "markers are left"
printf '#!/bin/sh\necho "sinfo: error: no controller" >&2; exit 1\n' >bin/sinfo
bad 6 'check failed' 0 check --nodes $places
says '^FAIL nodes +sinfo .exit code 1.: sinfo: error: no controller'
echo "nodes: folders and program compared"
