#!/bin/bash
# Make what all test images share: kernel, modules, initrd, and a Debian 12 with RAUC. usage: root.sh FOLDER
#
# It is made once for each version of this script (disk.py keeps it). Nothing is mounted and no device is made, beside what
# mmdebstrap does.
set -euo pipefail
out=$1
arch=x86_64-linux-gnu
modules=(virtio_pci virtio_blk virtio_net virtio_rng vfat nls_cp437 nls_ascii nls_utf8 loop squashfs dm_mod dm_verity)
packages=systemd-sysv,dbus,rauc,rauc-service,python3,e2fsprogs,kmod,iproute2,udev,busybox-static,libdevmapper1.02.1,liblzma5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is only unpacked: a kernel with 91 MB of modules, of which a dozen are needed, and one program of GRUB.
cd "$work"
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
apt-get -q download "$kernel" grub-common 2>/dev/null
dpkg-deb -x linux-image-*.deb kernel
dpkg-deb -x grub-common_*.deb grub
cp grub/usr/bin/grub-editenv "$out/"
version=$(ls kernel/lib/modules)
cp "kernel/boot/vmlinuz-$version" "$out/vmlinuz"
depmod -b kernel "$version"
needed() { modprobe -d "$1" -S "$version" --show-depends "$2" 2>/dev/null | awk '/^insmod/ { print $2 }'; }
mkdir -p "$out/modules/$version"
for module in "${modules[@]}"; do needed "$work/kernel" "$module"; done | sort -u | while read -r file; do
    install -D -m 644 "$file" "$out/modules/${file#*/lib/modules/}"
done
cp "kernel/lib/modules/$version"/modules.{builtin,order}* "$out/modules/$version/"
mkdir -p based/lib && ln -s "$out/modules" based/lib/modules
depmod -b based "$version"

# The initrd finds the root file system and starts its init; udev would take seconds under emulation.
mkdir -p initrd/{bin,dev,proc,sys,system,lib}
cp /bin/busybox initrd/bin/
for module in virtio_pci virtio_blk; do needed "$work/based" "$module"; done | awk '!seen[$0]++' | while read -r file; do
    cp "$file" initrd/lib/
    echo "insmod /lib/$(basename "$file")"
done >initrd/modules
cat >initrd/init <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
while read -r _ module; do $b insmod "$module"; done </modules
for word in $($b cat /proc/cmdline); do case "$word" in root=*) root=${word#root=};; esac; done
tries=0; while [ ! -b "$root" ] && [ $tries -lt 250 ]; do $b usleep 20000; tries=$((tries + 1)); done
$b mount -t ext4 -o ro "$root" /system || { echo "initrd: cannot mount $root"; echo c >/proc/sysrq-trigger; }
for folder in dev proc sys; do $b mount --move /$folder /system/$folder; done
exec $b switch_root /system /sbin/init || echo c >/proc/sysrq-trigger
END
chmod +x initrd/init
(cd initrd && find . | cpio -o -H newc --quiet | gzip -9) >"$out/initrd.img"

# The system, without what a test never needs. It has to be small, because RAUC writes all of it under emulation.
cat >strip <<END
#!/bin/bash
cd "\$1"
rm -rf usr/share/{zoneinfo,perl,perl5,bash-completion,zsh,common-licenses,bug,menu,pixmaps,locale,man,doc,info,i18n,polkit-1} \\
    usr/share/{keyrings,python-wheels} usr/lib/$arch/{gconv,perl,perl-base} usr/lib/udev/hwdb* etc/udev/hwdb* \\
    var/lib/dpkg/info usr/lib/{apt,dpkg,locale} usr/bin/{apt*,perl*,dpkg*} usr/lib/$arch/libapt* \\
    var/cache/{apt,debconf} var/log/* usr/lib/python3.*/{test,idlelib,lib2to3,pydoc_data,ensurepip,turtledemo}
mkdir -p var/log var/cache
END
chmod +x strip
mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook="$work/strip" \
    bookworm "$out/root.tar"
