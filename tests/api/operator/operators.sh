# Sourced by the tests beside it: deploy/ applied, Nodes, and operators with exactly its rights.
#
#   linux_node N [JSON [NAME]]    node N of the cluster: 10.0.0.N, fd00::N, pod CIDR 10.244.N.0/24; JSON is merged into it; else it is nodeN
#   operator_start NAME PORT [OPTION…]    an operator with metrics on 127.0.0.1:PORT; OPERATOR_NAME is its pid
#   ready PORT | leads PORT | metric PORT NAME | total PORT NAME    total: over all labels
#   listed PORT             KIND N: how often each kind was listed; at_most_one_more FILE FILE compares two of these
#   versions KIND           the resourceVersions of all objects of a kind: equal means that nothing was written
#   request WHO NAME NODE [SAN]    asks as WHO for a certificate of NODE, by the request NAME; its key is in /run/NAME.key
#   certificate NAME | has_certificate NAME    what that request was answered with
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"

apply_crds
kubectl apply --server-side -f "$ESPALIER_ROOT/deploy" >/dev/null

linux_node() {
  local made="{\"spec\": {\"podCIDR\": \"10.244.$1.0/24\", \"podCIDRs\": [\"10.244.$1.0/24\"]}, \"status\": {\"addresses\": [
    {\"type\": \"InternalIP\", \"address\": \"10.0.0.$1\"}, {\"type\": \"InternalIP\", \"address\": \"fd00::$1\"}]}}"
  node "${3:-node$1}" "$(merged "$made" "${2:-{\}}")"
}

known_as operator token espalier-system espalier-operator

operator_start() {
  espalier-operator run --kubeconfig "$API/operator.kubeconfig" --namespace espalier-system --metrics "127.0.0.1:$2" "${@:3}" \
    >>"$API_LOGS/operator-$1.log" 2>&1 &
  printf -v "OPERATOR_$1" %s $!
}
ready() { curl -sf "http://127.0.0.1:$1/readyz" >/dev/null; }
metric() { curl -sf "http://127.0.0.1:$1/metrics" | awk -v n="$2" '$1 == n || index($1, n "{") == 1 {print $2; exit}'; }
total() { curl -sf "http://127.0.0.1:$1/metrics" | awk -v n="$2" 'index($1, n "{") == 1 {sum += $2} END {print sum + 0}'; }
listed() { curl -sf "http://127.0.0.1:$1/metrics" | sed -nE 's/^espalier_watch_lists_total\{kind="(.*)"\} ([0-9]+).*/\1 \2/p'; }
at_most_one_more() { awk 'NR == FNR {was[$1] = $2; next} {n++} $2 > was[$1] + 1 {print $1, was[$1], $2; bad = 1} END {exit bad || !n}' "$1" "$2"; }
leads() { [ "$(metric "$1" leader_election_master_status)" = 1 ]; }
versions() { kubectl get "$1" -o jsonpath='{range .items[*]}{.metadata.name}={.metadata.resourceVersion} {end}'; }
names() { kubectl get "$1" -o jsonpath='{.items[*].metadata.name}'; }
is() { [ "$(eval "$1")" = "$2" ]; } # is COMMAND TEXT, for wait_until
policies_of() { kubectl get nodepolicy "$1" -o jsonpath='{.spec.policies[*].name}'; }

request() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "/run/$2.key" -subj "/O=espalier.io/CN=$3" \
    -addext "subjectAltName=DNS:${4:-$3}" -out "/run/$2.pem" 2>/dev/null
  as "$1" create -f - <<Y
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: "$2"}
spec: {signerName: espalier.io/node, usages: [ipsec tunnel], request: $(base64 -w0 "/run/$2.pem")}
Y
}
certificate() { kubectl get csr "$1" -o jsonpath='{.status.certificate}' | base64 -d; }
has_certificate() { [ -n "$(certificate "$1")" ]; }
