#!/usr/bin/env bash
# Inside a lab machine (bench/run starts it): COUNT IKE SAs with a Child each between two namespaces, P-256 certificates and
# curve25519, transport mode: espalier-agent at both ends, then strongSwan, then libreswan. Of each: the time from the start of the
# initiator's process until every SA stands at both ends, resident memory per tunnel and end (slope between a third of COUNT and
# COUNT), processor time of both ends; of ours also what the processor time went to.
#   ike_sas.sh [COUNT [espalier|strongswan|libreswan…]]
set -euo pipefail
source "$ESPALIER_ROOT/lab/lab.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
count=${1:-300}
shift || true
few=$((count / 3))
[ $# -gt 0 ] || set -- espalier strongswan libreswan

address() { echo "10.2$1.$(($2 / 200)).$(($2 % 200 + 1))"; } # address END INDEX
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
now() { echo "$((${EPOCHREALTIME/./} / 1000))"; }
cpu() { awk '{print ($14 + $15) * 1000 / '"$(getconf CLK_TCK)"'}' "/proc/$1/stat"; } # ms
sas() { ip -n "$1" xfrm state list nokeys | grep -c "^src 10\.2$2\." || true; }
count_of() { [[ $(ip -n "$1" xfrm state count) =~ ([0-9]+)$ ]] && echo "${BASH_REMATCH[1]}"; }
# Looking costs the lab's one CPU more than an SA does: seldom, and by count first.
wait_all_up() {
  local tries
  for ((tries = 0; tries < 400; ++tries)); do
    pause 0.4
    [ "$(count_of node1)" -ge $((2 * $1)) ] && [ "$(count_of node2)" -ge $((2 * $1)) ] || continue
    [ "$(sas node1 1)" -ge "$1" ] && [ "$(sas node2 2)" -ge "$1" ] && return 0
  done
  echo "$(count_of node1) and $(count_of node2) SAs of $((2 * $1)) stand" >&2
  return 1
}
clean() {
  local n
  for n in 1 2; do
    ip -n "node$n" xfrm state flush
    ip -n "node$n" xfrm policy flush
    at "node$n" nft flush ruleset || true
  done
}

lab_nodes 2
pki_ca root
for n in 1 2; do
  pki_node "node$n" root
  for ((i = 0; i < count; i++)); do echo "addr add $(address "$n" "$i")/8 dev eth0"; done | ip -n "node$n" -batch -
done

# Each kind has: KIND_configure N COUNT, KIND_start N (sets PID), KIND_stop N.

espalier_configure() {
  local n=$1 p=$((3 - $1)) i dir establish=Passive
  dir=$(espalier_dir "$n")
  rm -rf "$dir" && mkdir -p "$dir/manifests" "$dir/state"
  [ "$n" -eq 2 ] || establish=Eager
  {
    echo "apiVersion: v1"; echo "kind: Secret"; echo "type: kubernetes.io/tls"; echo "metadata: {name: node, namespace: edge}"
    echo "stringData:"; echo "  tls.crt: |"; _pem "$PKI/node$n.crt"; echo "  tls.key: |"; _pem "$PKI/node$n.key"; echo "---"
    echo "apiVersion: v1"; echo "kind: Secret"; echo "metadata: {name: root, namespace: edge}"; echo "stringData:"
    echo "  ca.crt: |"; _pem "$PKI/root.crt"
    for ((i = 0; i < $2; i++)); do
      cat <<-YAML
	---
	apiVersion: espalier.io/v1alpha1
	kind: Tunnel
	metadata: {name: t$i, namespace: edge}
	spec:
	  mode: Transport
	  establish: $establish
	  local: {node: node$n, address: $(address "$n" "$i"), identity: node$n.lab, authentication: {type: X509, x509: {certificateRef: {name: node}}}}
	  remote: {addresses: [$(address "$p" "$i")], identity: node$p.lab, authentication: {type: X509, x509: {trustRef: {name: root}}}}
	  ike: {proposals: [aes256gcm16-prfsha384-curve25519]}
	  esp: {proposals: [aes256gcm16]}
	YAML
    done
  } >"$dir/manifests/tunnels.yaml"
}
espalier_begin() {
  espalier_start "$1" --log-level error
  PID=$SPAWNED
  [ "$1" -eq 1 ] || wait_for 60 eval '[ "$(ip -n node2 xfrm policy | grep -c "dir out")" -ge '"$2"' ]'
}
espalier_end() { espalier_stop "$1"; }
espalier_report() {
  local n
  for n in 1 2; do
    at "node$n" curl -sf http://127.0.0.1:9464/metrics | awk -v n="node$n" '
      /^process_cpu_seconds_total/ {total = $2}
      /^ipsec_agent_busy_seconds_total/ {split($1, label, "\""); part[label[2]] = $2; sum += $2}
      END {printf "            %s: %.2f s of processor time:", n, total
           for (work in part) printf " %s %.2f,", work, part[work]
           printf " everything else %.2f\n", total - sum}'
  done
}

strongswan_configure() {
  local n=$1 p=$((3 - $1)) i root
  {
    echo "connections {"
    for ((i = 0; i < $2; i++)); do
      # unique = never: hundreds of connections between the same two identities
      cat <<-CONF
	  t$i {
	    version = 2
	    unique = never
	    local_addrs = $(address "$n" "$i")
	    remote_addrs = $(address "$p" "$i")
	    proposals = aes256gcm16-prfsha384-curve25519
	    local {
	      auth = pubkey
	      certs = node$n.crt
	      id = node$n.lab
	    }
	    remote {
	      auth = pubkey
	      id = node$p.lab
	    }
	    children { t$i {
	      mode = transport
	      esp_proposals = aes256gcm16
	      $([ "$n" -eq 1 ] && echo "start_action = start")
	    } }
	  }
	CONF
    done
    echo "}"
  } >/run/swan.conf
  root=$(peer_files "node$n")
  if [ ! -d "$root/etc" ]; then
    strongswan_node "node$n" --cert "node$n" --ca root </dev/null
    peer_stop "node$n"
    sed -i 's/default = 1/default = -1/; s/ike = 2/ike = -1/' "$root/etc/strongswan.conf"
  fi
  cp /run/swan.conf "$root/etc/swanctl/swanctl.conf"
}
peer_begin() {
  peer_start "node$1"
  PID=${_peer_pid[node$1]}
}
strongswan_begin() { peer_begin "$1"; }
strongswan_end() { peer_stop "node$1"; }

libreswan_configure() {
  local n=$1 p=$((3 - $1)) i root file=/run/ipsec.conf
  {
    for ((i = 0; i < $2; i++)); do
      cat <<-CONF
	conn t$i
	  type=transport
	  keyexchange=ikev2
	  left=$(address "$n" "$i")
	  leftid=@node$n.lab
	  leftcert=node$n
	  right=$(address "$p" "$i")
	  rightid=@node$p.lab
	  rightca=%same
	  authby=ecdsa-sha2_256
	  ike=aes_gcm256-sha2_384-dh31
	  esp=aes_gcm256
	  auto=$([ "$n" -eq 1 ] && echo start || echo add)

	CONF
    done
  } >"$file"
  root=$(peer_files "node$n")
  if [ ! -d "$root/etc" ] || [ "${_peer_kind[node$n]}" != libreswan ]; then
    libreswan_node "node$n" --cert "node$n" --ca root --setup "uniqueids=no" </dev/null
    peer_stop "node$n"
    cp "$root/etc/ipsec.conf" "$root/etc/ipsec.head"
  fi
  cat "$root/etc/ipsec.head" "$file" >"$root/etc/ipsec.conf"
}
libreswan_begin() { peer_begin "$1"; }
libreswan_end() { peer_stop "node$1"; }

measure() { # measure KIND COUNT: sets MS, RSS (kB, both ends), CPU (ms, both ends)
  local start pid1 pid2
  clean
  "$1_configure" 2 "$2"
  "$1_configure" 1 "$2"
  "$1_begin" 2 "$2"
  pid2=$PID
  start=$(now)
  "$1_begin" 1 "$2"
  pid1=$PID
  wait_all_up "$2"
  MS=$(($(now) - start))
  pause 1
  RSS=$(($(rss "$pid1") + $(rss "$pid2")))
  CPU=$(awk -v a="$(cpu "$pid1")" -v b="$(cpu "$pid2")" 'BEGIN {print int(a + b)}')
  [ "$2" -ne "$count" ] || [ "$1" != espalier ] || espalier_report
  "$1_end" 1
  "$1_end" 2
}

declare -A ms
for kind in "$@"; do
  measure "$kind" "$few"
  few_rss=$RSS
  measure "$kind" "$count"
  ms[$kind]=$MS
  printf '%-11s %4d tunnels %7d ms, processor %6d ms, %5.1f kB a tunnel and end\n' "$kind" "$count" "$MS" "$CPU" \
    "$(awk -v a="$RSS" -v b="$few_rss" -v n="$((count - few))" 'BEGIN {print (a - b) / n / 2}')"
done
for kind in "${!ms[@]}"; do
  [ "$kind" = espalier ] || [ -z "${ms[espalier]:-}" ] ||
    awk -v a="${ms[$kind]}" -v b="${ms[espalier]}" -v k="$kind" 'BEGIN {printf "espalier is %.1f times as fast as %s\n", a / b, k}'
done
