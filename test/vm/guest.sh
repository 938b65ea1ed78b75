#!/bin/sh
# Second stage inside the virtual machine: what a system's own start does elsewhere, then the command that the share
# "job" holds, then off. Argument: the project's folder.
export PATH="$1/node_modules/.bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LODEN_VM=1 NODE_COMPILE_CACHE=/run/node
mkdir -p /lib/modules /run
mount -t tmpfs run /run
mkdir -p /run/job /run/netns
mount -t virtiofs job /run/job
mount --bind "$1/node_modules/.cache/loden/vm-kernel/lib/modules" /lib/modules
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
[ -e /sbin/modprobe ] || ln -s /bin/busybox /sbin/modprobe
ip link set lo up
cd "$1" || exit 1
sh /run/job/command > /run/job/output 2>&1
echo $? > /run/job/status
sync
echo o > /proc/sysrq-trigger
sleep 60
