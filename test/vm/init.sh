#!/bin/busybox sh
# First process of the virtual machine: makes the host's files its root, read-only below and a tmpfs above, and goes on
# with test/vm/guest.sh there. Kernel parameters: loden.root=<the project's folder>.
bb=/bin/busybox
$bb mkdir -p /proc /sys /host /over /new
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
for module in $($bb cat /modules/order); do $bb insmod "/modules/$module"; done
$bb mount -t virtiofs host /host -o ro
$bb mount -t tmpfs over /over
$bb mkdir /over/upper /over/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work over /new
for name in proc sys dev; do $bb mount --move "/$name" "/new/$name"; done
for word in $($bb cat /new/proc/cmdline); do
  case $word in loden.root=*) root=${word#loden.root=} ;; esac
done
exec $bb switch_root /new /bin/sh "$root/test/vm/guest.sh" "$root"
