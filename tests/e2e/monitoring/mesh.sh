# Sourced inside a machine by agents.sh and faults.sh: two nodes, Prometheus on the wire, no member of their mesh, and what it says.
#
#   watch_mesh          Prometheus, with the rules of $WORK, scrapes node1 and node2
#   check_fires ALERT NODE   it fires within 90 seconds
# shellcheck shell=bash
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/agents/mesh.sh"
source "$ESPALIER_ROOT/tests/monitoring/prometheus.sh"
AT="at wire"

watch_mesh() {
  ip -n wire link set lo up
  ip -n wire addr add 10.10.0.100/24 dev br0
  cp "$WORK/rules.yaml" /run/rules.yaml
  prometheus_config espalier-system/espalier-agent "node1=$(node_ip 1):9464" "node2=$(node_ip 2):9464" >/run/prometheus.yaml
  prometheus_start /run/prometheus.yaml /run
  check "Prometheus is ready" wait_for 60 prometheus_ready
  check "it scrapes both agents" wait_for 60 _scraped
}
_scraped() { [ "$(values 'count(ipsec_build_info)')" = 2 ]; }

check_fires() { check "$1 fires at $2" wait_for 90 fires "$1" "$2"; }
