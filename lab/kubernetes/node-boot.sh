#!/bin/bash
# The first process of a node's virtual machine: network, containerd, kubelet, kube-proxy. NODE and CLUSTER (the folder of the control plane,
# read-only) stand on the kernel's command line. What it says goes to the serial line, which is a log of the control plane. A machine whose
# number is above NODES is outside of the cluster: it has the network alone.
export HOME=/root
argument() { sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
n=$(argument NODE) cluster=$(argument CLUSTER)
# /run of the host is the control plane's: seen, and hidden by one of this machine's own but for that folder.
mkdir -p "/mnt$cluster"
mount --bind "$cluster" "/mnt$cluster"
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p "$cluster"
mount --bind "/mnt$cluster" "$cluster"
exec </dev/null >/dev/ttyS0 2>&1
PATH=$(cat "$cluster/programs"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# root's shell is one that reads nothing of this host's ~/.bashrc, as bash does for each command from remote.
sed -i 's|^root:.*|root:x:0:0:root:/root:/bin/sh|' /etc/passwd
login() { dropbear -F -E -s -r "$cluster/host_key" -p 22 >/run/dropbear.log 2>&1; }
say() { echo "node$n $(cut -d' ' -f1 /proc/uptime) s: $*"; }

hostname "node$n"
outside=''
[ "$n" -le "$(argument NODES)" ] || outside=yes
modprobe -a br_netfilter veth bridge nf_tables nft_masq nft_nat nft_fib_ipv4 nft_fib_ipv6 nft_numgen nft_ct nft_xfrm nf_conntrack esp4 esp6 xfrm_user virtio_blk ext4 vxlan
ip link set lo up
ip link set eth0 up
ip addr add "10.10.0.1$n/24" dev eth0
ip -6 addr add "fd00:10::1$n/64" dev eth0 nodad
ip route add default via 10.10.0.1
ip -6 route add default via fd00:10::1
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
via4=10.10.0.1 via6=fd00:10::1
if [ "$(argument NETWORK)" = vxlan ] && [ -z "$outside" ]; then
  via4=10.245.0.1 via6=fd00:245::1
  ip link add vxlan0 type vxlan id 1 dstport 8472 local "10.10.0.1$n" nolearning
  ip addr add "${via4}$n/24" dev vxlan0
  ip -6 addr add "${via6}$n/64" dev vxlan0 nodad
  ip link set vxlan0 up
fi
for ((m = 1; m <= $(argument NODES); m++)); do
  [ "$m" != "$n" ] || continue
  # Asked of every node, as there is no multicast to ask by.
  [ ! -e /sys/class/net/vxlan0 ] || bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst "10.10.0.1$m"
  ip route add "10.244.$m.0/24" via "$via4$m"
  ip -6 route add "fd00:244:$m::/64" via "$via6$m"
done
if [ -n "$outside" ]; then
  say "outside of the cluster"
  login
  echo o >/proc/sysrq-trigger
  sleep 5
fi
mkdir -p /sys/fs/cgroup/init
for process in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$process" >/sys/fs/cgroup/init/cgroup.procs 2>/dev/null; done
for controller in cpuset cpu io memory pids; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
mkdir -p /disk /run/k
mount /dev/vda /disk
for folder in /var/lib/containerd /var/lib/kubelet /var/log/pods /var/lib/cni /var/lib/espalier /etc/cni /opt/cni; do
  mkdir -p "$folder" "/disk$folder"
  mount --bind "/disk$folder" "$folder"
done
mount --make-rshared /

# An emulated machine has one slow CPU: statistics, which containerd asks of every pod's shim each second and kubelet every ten, took most of it.
# Hence the long periods here and in kubelet's options, and no eviction, which is what needs them.
cat >/run/k/containerd.toml <<T
version = 3
[plugins."io.containerd.cri.v1.images"]
  stats_collect_period = 600
[plugins."io.containerd.cri.v1.runtime"]
  stats_collect_period = "60s"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.local/pause:1"
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin", "$(sed 's/:/", "/g' "$cluster/cni-programs")"]
T
first_boot=''
[ -e /etc/cni/net.d/10-base.conflist ] || first_boot=yes
mkdir -p /etc/cni/net.d /opt/cni/bin
[ -z "$first_boot" ] || cat >/etc/cni/net.d/10-base.conflist <<T
{"cniVersion": "1.1.0", "name": "base", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": {"type": "host-local",
    "ranges": [[{"subnet": "10.244.$n.0/24"}], [{"subnet": "fd00:244:$n::/64"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}
T
cat >/run/k/kubelet.yaml <<T
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: $cluster/pki/clients-ca.crt}, webhook: {enabled: true}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failSwapOn: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
clusterDomain: cluster.local
T
cat >/run/k/proxy.yaml <<T
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.244.0.0/16,fd00:244::/48
hostnameOverride: node$n
clientConnection: {kubeconfig: $cluster/node$n.kubeconfig}
metricsBindAddress: 127.0.0.1:10249
T
containerd --config /run/k/containerd.toml >/run/k/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.5; done
say containerd
[ -z "$first_boot" ] || for image in "$cluster"/images/*.tar; do ctr -n k8s.io images import "$image" >/dev/null; done
say images
kube-proxy --config /run/k/proxy.yaml >/run/k/proxy.log 2>&1 &
kubelet --config /run/k/kubelet.yaml --kubeconfig "$cluster/node$n.kubeconfig" --hostname-override "node$n" \
  --node-ip "10.10.0.1$n,fd00:10::1$n" --housekeeping-interval 60s >/run/k/kubelet.log 2>&1 &
kubelet=$!
login &
say started
wait "$kubelet"
say "kubelet ended"
tail -n 20 /run/k/kubelet.log
echo o >/proc/sysrq-trigger
sleep 5
