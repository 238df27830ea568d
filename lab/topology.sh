# Sourced inside a lab machine: nodes and pods as network namespaces on a wire of their own.
#
#   lab_nodes COUNT            node1 … nodeCOUNT, each with eth0 on a bridge in the namespace `wire`:
#                              10.10.0.1N/24 and fd00:10::1N/64
#   lab_pods COUNT             that many pods behind every node: podN-1 … podN-COUNT with 10.244.N.1P and fd00:244:N::1P, the node
#                              routes between them and the wire (cni0: 10.244.N.1, fd00:244:N::1)
#   lab_routes                 routed pod networks: every node reaches every other's pods over the wire
#   lab_vxlan                  instead: an overlay (flannel1) carries the pods' packets between the nodes' IPv4 addresses
#   lab_masquerade NODE        as CNIs do: IPv4 and IPv6 from pods to addresses outside 10.244/16, fd00:244::/32 leave as the node
#   lab_behind_nat NODE        moves a node behind a router natN that translates addresses and ports: the node has 192.168.N.2,
#                              the others see 10.10.0.10N; IPv4 only; call it after lab_nodes
#   at NAMESPACE COMMAND…      runs a command in a namespace (its network only; the root is the machine's)
#   spawn NAMESPACE LOG COMMAND…   starts one there in the background, its output in LOG, its process id in SPAWNED
#   wait_for SECONDS COMMAND…  until the command succeeds; fails when it has not by then
#   pause SECONDS
#   node_ip N [4|6], pod_ip N P [4|6], pod_net N [4|6]
#
# LAB_POD_MTU (1400) is the MTU of pods' devices, which leaves room for ESP on a wire of 1500.
# Addresses are usable at once (no duplicate address detection); only what a scenario sends is on the wire.
# shellcheck shell=bash disable=SC2034

: "${LAB_POD_MTU:=1400}"

at() { nsenter --net="/run/netns/$1" -- "${@:2}"; }

spawn() {
  nsenter --net="/run/netns/$1" -- "${@:3}" >"$2" 2>&1 &
  SPAWNED=$!
}

# sleep, without a process.
pause() { read -rt "$1" <>"$_nothing" || true; }
_nothing=/run/.nothing
[ -p "$_nothing" ] || mkfifo "$_nothing"

wait_for() {
  local until=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "${EPOCHREALTIME/./}" -ge "$until" ]; then
      echo "waited in vain for: $*" >&2
      return 1
    fi
    pause 0.05
  done
}

node_ip() { if [ "${2:-4}" = 6 ]; then echo "fd00:10::1$1"; else echo "10.10.0.1$1"; fi; }
pod_ip() { if [ "${3:-4}" = 6 ]; then echo "fd00:244:$1::1$2"; else echo "10.244.$1.1$2"; fi; }
pod_net() { if [ "${2:-4}" = 6 ]; then echo "fd00:244:$1::/64"; else echo "10.244.$1.0/24"; fi; }

# In a new namespace: no waiting for duplicate addresses, no router solicitations, forwarding as told.
_lab_sysctls() {
  at "$1" sh -c "cd /proc/sys/net && for d in all default; do echo 0 >ipv6/conf/\$d/accept_dad; echo 0 >ipv6/conf/\$d/dad_transmits
    echo 0 >ipv6/conf/\$d/router_solicitations; echo 0 >ipv6/conf/\$d/accept_ra; echo $2 >ipv6/conf/\$d/forwarding; done; echo $2 >ipv4/ip_forward"
}

lab_nodes() {
  lab_node_count=$1
  local n
  {
    echo "netns add wire"
    for ((n = 1; n <= $1; n++)); do echo "netns add node$n"; done
  } | ip -batch -
  # Before there are devices, which take the defaults.
  _lab_sysctls wire 0
  for ((n = 1; n <= $1; n++)); do _lab_sysctls "node$n" 1; done
  # The bridge is a wire, not a host: no addresses, no queries of its own.
  at wire sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  {
    echo "link add br0 type bridge mcast_snooping 0 stp_state 0"
    echo "link set br0 up"
    for ((n = 1; n <= $1; n++)); do
      echo "link add node$n type veth peer name eth0 netns node$n"
      echo "link set node$n master br0 up"
    done
  } | ip -n wire -batch -
  for ((n = 1; n <= $1; n++)); do
    ip -n "node$n" -batch - <<-BATCH
		link set lo up
		link set eth0 up
		addr add $(node_ip "$n")/24 dev eth0
		addr add $(node_ip "$n" 6)/64 dev eth0 nodad
	BATCH
  done
}

lab_pods() {
  lab_pod_count=$1
  local n p pod
  for ((n = 1; n <= lab_node_count; n++)); do
    for ((p = 1; p <= $1; p++)); do echo "netns add pod$n-$p"; done
  done | ip -batch -
  for ((n = 1; n <= lab_node_count; n++)); do
    for ((p = 1; p <= $1; p++)); do _lab_sysctls "pod$n-$p" 0; done
    {
      echo "link add cni0 type bridge mcast_snooping 0 stp_state 0"
      echo "link set cni0 mtu $LAB_POD_MTU up"
      echo "addr add 10.244.$n.1/24 dev cni0"
      echo "addr add fd00:244:$n::1/64 dev cni0 nodad"
      for ((p = 1; p <= $1; p++)); do
        echo "link add pod$p mtu $LAB_POD_MTU type veth peer name eth0 mtu $LAB_POD_MTU netns pod$n-$p"
        echo "link set pod$p master cni0 up"
      done
    } | ip -n "node$n" -batch -
    for ((p = 1; p <= $1; p++)); do
      pod=pod$n-$p
      ip -n "$pod" -batch - <<-BATCH
			link set lo up
			link set eth0 up
			addr add $(pod_ip "$n" "$p")/24 dev eth0
			addr add $(pod_ip "$n" "$p" 6)/64 dev eth0 nodad
			route add default via 10.244.$n.1
			route add default via fd00:244:$n::1
		BATCH
    done
  done
}

lab_routes() {
  local n m
  for ((n = 1; n <= lab_node_count; n++)); do
    for ((m = 1; m <= lab_node_count; m++)); do
      [ "$n" -ne "$m" ] || continue
      echo "route add $(pod_net "$m") via $(node_ip "$m")"
      echo "route add $(pod_net "$m" 6) via $(node_ip "$m" 6)"
    done | ip -n "node$n" -batch -
  done
}

# As flannel does: one device a node, with permanent entries for every other node. A node N's device has the MAC 02:00:00:00:00:0N.
lab_vxlan() {
  local n m mac
  for ((n = 1; n <= lab_node_count; n++)); do
    {
      echo "link add flannel1 address 02:00:00:00:00:0$n type vxlan id 1 dstport 8472 local $(node_ip "$n") dev eth0 nolearning"
      echo "link set flannel1 up"
      echo "addr add 10.244.$n.0/32 dev flannel1"
      echo "addr add fd00:244:$n::/128 dev flannel1 nodad"
      for ((m = 1; m <= lab_node_count; m++)); do
        [ "$n" -ne "$m" ] || continue
        mac=02:00:00:00:00:0$m
        echo "neigh add 10.244.$m.0 lladdr $mac dev flannel1 nud permanent"
        echo "neigh add fd00:244:$m:: lladdr $mac dev flannel1 nud permanent"
        echo "route add $(pod_net "$m") via 10.244.$m.0 dev flannel1 onlink"
        echo "route add $(pod_net "$m" 6) via fd00:244:$m:: dev flannel1 onlink"
      done
    } | ip -n "node$n" -batch -
    for ((m = 1; m <= lab_node_count; m++)); do
      [ "$n" -ne "$m" ] || continue
      echo "fdb append 02:00:00:00:00:0$m dev flannel1 dst $(node_ip "$m") self permanent"
    done | bridge -n "node$n" -batch -
  done
}

lab_masquerade() {
  local n=${1#node}
  at "node$n" nft -f - <<-NFT
	table inet lab_cni {
	  chain postrouting {
	    type nat hook postrouting priority srcnat;
	    ip saddr $(pod_net "$n") ip daddr != 10.244.0.0/16 masquerade
	    ip6 saddr $(pod_net "$n" 6) ip6 daddr != fd00:244::/32 masquerade
	  }
	}
	NFT
}

lab_behind_nat() {
  local n=${1#node}
  ip -n "node$n" link del eth0
  ip netns add "nat$n"
  _lab_sysctls "nat$n" 1
  ip -n wire link add "nat$n" type veth peer name outside netns "nat$n"
  ip -n wire link set "nat$n" master br0 up
  ip -n "nat$n" -batch - <<-BATCH
	link set lo up
	link set outside up
	addr add 10.10.0.10$n/24 dev outside
	link add inside type veth peer name eth0 netns node$n
	link set inside up
	addr add 192.168.$n.1/24 dev inside
	BATCH
  ip -n "node$n" -batch - <<-BATCH
	link set eth0 up
	addr add 192.168.$n.2/24 dev eth0
	route add default via 192.168.$n.1
	BATCH
  # Ports change too: a peer that answers to the port it expects, not to the one it saw, answers nobody.
  at "nat$n" nft -f - <<-NFT
	table ip lab_nat {
	  chain postrouting {
	    type nat hook postrouting priority srcnat;
	    oifname outside meta l4proto { tcp, udp } masquerade to :20000-29999
	    oifname outside masquerade
	  }
	}
	NFT
}
