#!/usr/bin/env bash
# Sourced: a private one-node Slurm (munged, slurmctld, slurmd) on loopback under $slurm_dir,
# started by slurm_start and ended by slurm_stop. Needs root, as slurmd does.
slurm_dir=${slurm_dir:-$(mktemp -d "${TMPDIR:-/tmp}/contimg_slurm_XXXXXX")}

slurm_missing() {
  local program
  for program in slurmctld slurmd munged sbatch scontrol srun; do
    command -v "$program" >/dev/null || { echo "$program is not installed"; return 0; }
  done
  [ "$(id -u)" = 0 ] || { echo "slurmd needs root"; return 0; }
  return 1
}

slurm_write_conf() {
  local port=$1 host
  host=$(hostname -s)
  mkdir -p "$slurm_dir"/{spool,state,log,munge}
  cat >"$slurm_dir/slurm.conf" <<CONF
ClusterName=contimgtest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm_dir/munge/socket
CredType=cred/munge
StateSaveLocation=$slurm_dir/state
SlurmdSpoolDir=$slurm_dir/spool
SlurmctldPidFile=$slurm_dir/slurmctld.pid
SlurmdPidFile=$slurm_dir/slurmd.pid
SlurmctldLogFile=$slurm_dir/log/slurmctld.log
SlurmdLogFile=$slurm_dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$slurm_dir/log/jobcomp.log
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=60
InactiveLimit=0
KillWait=5
MinJobAge=300
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=60 State=UP
CONF
}

slurm_start() {
  local port=$((20000 + RANDOM % 20000))
  slurm_write_conf "$port"
  chmod 755 "$slurm_dir"
  dd if=/dev/urandom of="$slurm_dir/munge/key" bs=128 count=1 2>/dev/null
  chmod 600 "$slurm_dir/munge/key"
  # Stand-alone processes, so that the trap can end them by pid.
  munged --force --foreground --key-file="$slurm_dir/munge/key" \
    --socket="$slurm_dir/munge/socket" --pid-file="$slurm_dir/munge/pid" \
    --log-file="$slurm_dir/munge/log" --seed-file="$slurm_dir/munge/seed" \
    >"$slurm_dir/log/munged.out" 2>&1 &
  slurm_munged=$!
  export SLURM_CONF="$slurm_dir/slurm.conf"
  for _ in $(seq 50); do [ -S "$slurm_dir/munge/socket" ] && break; sleep 0.1; done
  slurmctld -D -f "$SLURM_CONF" >"$slurm_dir/log/slurmctld.out" 2>&1 &
  slurm_ctld=$!
  slurmd -D -f "$SLURM_CONF" >"$slurm_dir/log/slurmd.out" 2>&1 &
  slurm_d=$!
  for _ in $(seq 100); do
    sinfo -h -o %T 2>/dev/null | grep -q idle && return 0
    sleep 0.3
  done
  echo "slurm did not start:"
  tail -n 5 "$slurm_dir"/log/*.out "$slurm_dir"/log/*.log
  return 1
}

slurm_stop() {
  scancel --state=RUNNING --state=PENDING --user=root 2>/dev/null
  kill "${slurm_d:-0}" "${slurm_ctld:-0}" "${slurm_munged:-0}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$slurm_dir"
}

# slurm_wait JOB SECONDS: until the job is over; prints "STATE EXIT".
slurm_wait() {
  local end=$((SECONDS + $2)) line state
  while [ $SECONDS -lt $end ]; do
    line=$(scontrol -o show job "$1" 2>/dev/null)
    state=$(sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' <<<"$line")
    case "$state" in
      PENDING | RUNNING | COMPLETING | CONFIGURING | "") sleep 0.5 ;;
      *) echo "$state $(sed -n 's/.* ExitCode=\([0-9]*\):.*/\1/p' <<<"$line")"; return 0 ;;
    esac
  done
  echo "TIMEOUT -"
  return 1
}
