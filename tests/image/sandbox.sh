# Usage: unshare --mount --pid --fork sh sandbox.sh ROOT MODELS USER COMMAND [WORD...]
# Runs COMMAND in an image's root as a container runtime would: read-only, without a shell, as USER (uid:gid)
# without capabilities, process 1 of its own process namespace, with the environment it was given.
set -eu
root=$1 models=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount --bind "$models" "$root/models"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for shell in sh dash bash busybox; do
  if [ -e "$root/usr/bin/$shell" ]; then mount --bind /dev/null "$root/usr/bin/$shell"; fi
done
mount -o remount,bind,ro "$root/models"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
