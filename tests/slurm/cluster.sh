#!/usr/bin/env bash
# Sourced: a private one-node Slurm (munged, slurmctld, slurmd) on loopback, started by
# slurm_start and ended by slurm_stop, which leaves no process and no file. Needs root, as slurmd
# does. Every wait has an end. Sets slurm_dir and SLURM_CONF.

# What a job or a shell around this test may have set is not ours.
for slurm_name in $(env | sed -n 's/^\(SLURM_[A-Z0-9_]*\|SBATCH_[A-Z0-9_]*\|SRUN_[A-Z0-9_]*\)=.*/\1/p'); do
  unset "$slurm_name"
done

# Where the daemons are; not in a user's PATH on Debian.
PATH=$PATH:/usr/sbin:/sbin

# Says why not, and succeeds, where no Slurm can be started here.
slurm_missing() {
  local program
  for program in slurmctld slurmd munged sbatch scontrol srun squeue sinfo scancel; do
    command -v "$program" >/dev/null || { echo "$program is not installed"; return 0; }
  done
  [ "$(id -u)" = 0 ] || { echo "slurmd needs root"; return 0; }
  return 1
}

# The node has a name of its own: the machine's may be one that Slurm does not take
# ("localhost", upper case). Only slurmctld wants the machine's, and that is given an address.
# Job numbers are no other cluster's: PMIx keeps a folder of the job's number in /tmp.
slurm_write_conf() {
  local port=$1 host
  host=$(uname -n)
  cat >"$slurm_dir/slurm.conf" <<CONF
ClusterName=contimgtest
SlurmctldHost=${host%%.*}(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
FirstJobId=$port
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
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=60
InactiveLimit=0
KillWait=5
MinJobAge=300
MpiDefault=none
NodeName=testnode NodeHostname=${host%%.*} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=all Nodes=testnode Default=YES MaxTime=INFINITE State=UP
CONF
}

# True where something listens on 127.0.0.1:$1.
slurm_port_taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The first of two ports next to each other that nobody listens on.
slurm_find_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 12000))
    slurm_port_taken "$port" || slurm_port_taken $((port + 1)) || { echo "$port"; return 0; }
  done
  return 1
}

# $slurm_ours: process ids of the three.
slurm_is_alive() {
  local process
  for process in $slurm_ours; do kill -0 "$process" 2>/dev/null || return 1; done
}

# One try on one pair of ports: 1 where it does not come up.
slurm_start_on() {
  mkdir -p "$slurm_dir"/{spool,state,log,munge}
  chmod 755 "$slurm_dir"
  slurm_write_conf "$1"
  head -c 128 /dev/urandom >"$slurm_dir/munge/key"
  chmod 600 "$slurm_dir/munge/key"
  # In the foreground, so that they can be ended by process id.
  SLURM_CONF=$slurm_dir/slurm.conf munged --force --foreground \
    --key-file="$slurm_dir/munge/key" --socket="$slurm_dir/munge/socket" \
    --pid-file="$slurm_dir/munge/pid" --log-file="$slurm_dir/munge/log" \
    --seed-file="$slurm_dir/munge/seed" >"$slurm_dir/log/munged.out" 2>&1 </dev/null &
  slurm_ours=$!
  for _ in $(seq 600); do [ -S "$slurm_dir/munge/socket" ] && break; sleep 0.1; done
  export SLURM_CONF=$slurm_dir/slurm.conf
  slurmctld -D -f "$SLURM_CONF" >"$slurm_dir/log/slurmctld.out" 2>&1 </dev/null &
  slurm_ours="$slurm_ours $!"
  slurmd -D -N testnode -f "$SLURM_CONF" >"$slurm_dir/log/slurmd.out" 2>&1 </dev/null &
  slurm_ours="$slurm_ours $!"
  for _ in $(seq 200); do
    slurm_is_alive || return 1
    [ "$(timeout -k 1 5 sinfo -h -o %T 2>/dev/null)" = idle ] && return 0
    sleep 0.3
  done
  return 1
}

# Ends the cluster where the test was killed and could not: a process of its own, that no killing
# of the test's children takes along.
slurm_guard() {
  local source=${BASH_SOURCE[0]}
  (env -u SLURM_CONF setsid bash -c '
    while kill -0 "$1" && [ -d "$2" ]; do sleep 1; done
    [ -d "$2" ] || exit 0
    . "$3"
    slurm_dir=$2
    export SLURM_CONF=$slurm_dir/slurm.conf
    slurm_stop' guard $$ "$slurm_dir" "$source" >/dev/null 2>&1 </dev/null &)
}

slurm_start() {
  local base=${TMPDIR:-/tmp} port
  # The socket's path must be short, and the place must be there.
  [ -d "$base" ] && [ ${#base} -lt 60 ] || base=/tmp
  for attempt in 1 2 3; do
    slurm_dir=$(mktemp -d "$base/contimg_slurm_XXXXXX")
    slurm_guard
    port=${slurm_first_port:-$(slurm_find_port)} || break
    slurm_first_port=
    slurm_start_on "$port" && return 0
    echo "slurm did not start on port $port (try $attempt):" >&2
    tail -n 5 "$slurm_dir"/log/*.out "$slurm_dir"/log/*.log >&2
    slurm_stop
  done
  return 1
}

# Processes of this cluster and of its jobs: those that were started with its configuration.
slurm_processes() {
  env -u SLURM_CONF grep -slzxF "SLURM_CONF=$slurm_dir/slurm.conf" /proc/[0-9]*/environ 2>/dev/null |
    cut -d / -f 3 | grep -vx $$
}

slurm_stop() {
  local list end=$((SECONDS + 12))
  [ -n "${slurm_dir:-}" ] && [ -d "$slurm_dir" ] || return 0
  timeout -k 1 5 scancel --state=RUNNING 2>/dev/null
  timeout -k 1 5 scancel --state=PENDING 2>/dev/null
  while [ $SECONDS -lt $end ]; do
    [ -z "$(timeout -k 1 5 squeue -h 2>/dev/null)" ] && break
    sleep 0.25
  done
  # shellcheck disable=SC2086
  [ -z "${slurm_ours:-}" ] || kill $slurm_ours 2>/dev/null
  for round in $(seq 40); do
    list=$(slurm_processes)
    [ -z "$list" ] && break
    # shellcheck disable=SC2086
    [ "$round" -lt 20 ] || kill -9 $list 2>/dev/null
    sleep 0.25
  done
  # shellcheck disable=SC2086
  [ -z "${slurm_ours:-}" ] || wait $slurm_ours 2>/dev/null
  rm -rf "$slurm_dir"
  unset SLURM_CONF
  slurm_dir='' slurm_ours=''
}

# slurm_wait JOB SECONDS: until the job is over; prints "STATE EXIT".
slurm_wait() {
  local end=$((SECONDS + $2)) line state
  while [ $SECONDS -lt $end ]; do
    line=$(timeout -k 1 10 scontrol -o show job "$1" 2>/dev/null)
    state=$(sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' <<<"$line")
    case "$state" in
      PENDING | RUNNING | COMPLETING | CONFIGURING | "") sleep 0.3 ;;
      *) echo "$state $(sed -n 's/.* ExitCode=\([0-9]*\):.*/\1/p' <<<"$line")"; return 0 ;;
    esac
  done
  echo "TIMEOUT ${state:-unknown} $(sed -n 's/.* Reason=\([^ ]*\).*/\1/p' <<<"$line")"
  return 1
}
