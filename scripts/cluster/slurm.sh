#!/bin/bash
# A Slurm of one node with a configuration of its own, to try runs on ranks and arrays of jobs.
#
#   scripts/cluster/slurm.sh up FOLDER     starts munged, slurmctld and slurmd
#   scripts/cluster/slurm.sh down FOLDER   stops them
#
# It needs root and Debian's packages: apt-get install slurm-wlm munge, and libpmix-dev for
# `srun --mpi=pmix`. All that it writes is in
# FOLDER, which must not be there yet; `export SLURM_CONF=FOLDER/slurm.conf` makes srun and sbatch
# use it.

set -euo pipefail

usage() {
    echo "usage: $0 up|down FOLDER" >&2
    exit 2
}

[ $# -eq 2 ] || usage
what=$1
folder=$(realpath -m "$2")

# Starts a daemon that goes to the background and writes its number to a file of its own.
up() {
    [ "$(id -u)" -eq 0 ] || { echo "$0: starting Slurm needs root" >&2; exit 1; }
    for program in munged slurmctld slurmd; do
        PATH=$PATH:/usr/sbin command -v "$program" > /dev/null ||
            { echo "$0: there is no $program: apt-get install slurm-wlm munge" >&2; exit 1; }
    done
    mkdir "$folder" "$folder/state" "$folder/spool"
    chmod 755 "$folder"
    head -c 1024 /dev/urandom > "$folder/munge.key"
    chmod 400 "$folder/munge.key"
    /usr/sbin/munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" \
        --seed-file="$folder/munge.seed"
    local host memory
    host=$(hostname -s)
    memory=$(awk '/MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
    cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$folder/munge.socket
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
    export SLURM_CONF="$folder/slurm.conf"
    /usr/sbin/slurmctld -f "$SLURM_CONF"
    /usr/sbin/slurmd -f "$SLURM_CONF"
    for _ in $(seq 60); do
        if sinfo -h -o %T 2> /dev/null | grep -q idle; then
            echo "export SLURM_CONF=$SLURM_CONF"
            return
        fi
        sleep 0.5
    done
    echo "$0: the node is not ready; see $folder/slurmctld.log and $folder/slurmd.log" >&2
    exit 1
}

# Stops the daemons that this script has started in the folder.
down() {
    for name in slurmd slurmctld munged; do
        if [ -f "$folder/$name.pid" ]; then
            kill "$(cat "$folder/$name.pid")" || true
        fi
    done
}

case $what in
    up) up ;;
    down) down ;;
    *) usage ;;
esac
