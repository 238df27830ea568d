#!/usr/bin/env bash
# Inside a lab machine (bench/run starts it): COUNT IKE SAs with a Child each between two namespaces, P-256 certificates and
# curve25519, transport mode; first espalier-agent at both ends, then strongSwan at both ends. Prints the time until every
# outbound SA of the initiator stands, and resident memory per tunnel as the slope between a third of COUNT and COUNT.
set -euo pipefail
source "$ESPALIER_ROOT/lab/lab.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
count=${1:-300}
few=$((count / 3))

address() { echo "10.2$1.$(($2 / 200)).$(($2 % 200 + 1))"; } # address END INDEX
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
now() { echo "$((${EPOCHREALTIME/./} / 1000))"; }
sas() { ip -n "$1" xfrm state list nokeys | grep -c "^src 10\.2$2\." || true; }

lab_nodes 2
pki_ca root
for n in 1 2; do
  pki_node "node$n" root
  for ((i = 0; i < count; i++)); do echo "addr add $(address "$n" "$i")/8 dev eth0"; done | ip -n "node$n" -batch -
done

tunnels() { # tunnels NODE COUNT ESTABLISH
  local n=$1 p=$((3 - $1)) i
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
	  establish: $3
	  local: {node: node$n, address: $(address "$n" "$i"), identity: node$n.lab, authentication: {type: X509, x509: {certificateRef: {name: node}}}}
	  remote: {addresses: [$(address "$p" "$i")], identity: node$p.lab, authentication: {type: X509, x509: {trustRef: {name: root}}}}
	  ike: {proposals: [aes256gcm16-prfsha384-curve25519]}
	  esp: {proposals: [aes256gcm16]}
	YAML
  done
}

all_up() { [ "$(sas node1 1)" -ge "$1" ] && [ "$(sas node2 2)" -ge "$1" ]; }

ours() { # ours COUNT: sets OURS_MS, OURS_RSS (kB of both ends)
  local n start dir
  for n in 2 1; do
    dir=$(espalier_dir "$n")
    rm -rf "$dir" && mkdir -p "$dir/manifests" "$dir/state"
    tunnels "$n" "$1" "$([ "$n" -eq 1 ] && echo Eager || echo Passive)" >"$dir/manifests/tunnels.yaml"
  done
  espalier_start 2 --log-level error
  wait_for 30 eval '[ "$(ip -n node2 xfrm policy | grep -c "dir out")" -ge '"$1"' ]'
  start=$(now)
  espalier_start 1 --log-level error
  wait_for 120 all_up "$1"
  OURS_MS=$(($(now) - start))
  pause 1
  OURS_RSS=$(($(rss "$AGENT_PID_1") + $(rss "$AGENT_PID_2")))
  espalier_stop 1
  espalier_stop 2
  for n in 1 2; do
    ip -n "node$n" xfrm state flush
    ip -n "node$n" xfrm policy flush
    at "node$n" nft flush ruleset || true
  done
}

ours "$few"
few_rss=$OURS_RSS
ours "$count"
printf 'espalier    %4d tunnels  %6d ms  %6d kB a tunnel (both ends, slope)\n' "$count" "$OURS_MS" "$(((OURS_RSS - few_rss) / (count - few)))"

strongswan() { # strongswan COUNT: sets THEIR_MS, THEIR_RSS
  local n p i start pid
  for n in 2 1; do
    p=$((3 - n))
    {
      echo "connections {"
      for ((i = 0; i < $1; i++)); do
        cat <<-CONF
	  t$i {
	    version = 2
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
    start=$(now)
    strongswan_node "node$n" --cert "node$n" --ca root </run/swan.conf
  done
  wait_for 180 all_up "$1"
  THEIR_MS=$(($(now) - start))
}
strongswan "$count"
printf 'strongSwan  %4d tunnels  %6d ms (with loading its configuration)\n' "$count" "$THEIR_MS"
awk -v a="$THEIR_MS" -v b="$OURS_MS" 'BEGIN {printf "ratio       %.1f times as fast\n", a / b}'
