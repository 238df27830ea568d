# Sourced by scripts that lab/apiserver runs: what can be done to the API server and its etcd, and who talks to it.
#
#   api_stop | api_start | api_restart    ends it with SIGTERM; starts it, and waits until it is ready
#   api_kill                              SIGKILL: connections end without a word
#   api_pause | api_resume                it stays, and does not answer
#   etcd_compact                          forgets all history before now. The API server's own cache still knows some of it:
#                                         what must get 410 (Gone) needs an api_restart, too
#   ca_add; ca_switch; ca_drop            rotates the CA of the server's certificate: trust both ($API/ca.crt holds both); serve
#                                         with the new one, after a restart; trust the new one only
#   service_account NAMESPACE NAME        both are made when missing
#   node NAME [JSON]                      a Node; JSON is merged into it: '{"spec": {"podCIDRs": ["10.244.1.0/24"]}}'
#   pod NAMESPACE NAME NODE [SA [JSON]]   a Pod that was scheduled to NODE and runs nowhere
#   token NAMESPACE SA [OPTION...]        prints a token; options of `kubectl create token`: --duration, --audience
#   pod_token NAMESPACE POD [OPTION...]   prints one that is bound to the Pod, and so names its node
#   kubeconfig_for NAME --token-file FILE | --user USER [GROUP...]
#                                         prints the path of a kubeconfig; a user gets a client certificate
#   in_cluster NAMESPACE POD              makes this machine look as that Pod sees it: the token, CA and namespace in
#                                         /var/run/secrets/kubernetes.io/serviceaccount, and KUBERNETES_SERVICE_HOST and _PORT
#   merged JSON JSON                      prints the second merged into the first
#   wait_until SECONDS COMMAND...         tries again until it succeeds; status 1 when time is up
#
# $API (/run/api) holds the files: ca.crt, *.kubeconfig, *.crt, *.key. Logs: $API_LOGS/{etcd,apiserver}.log.
# shellcheck shell=bash
source "$ESPALIER_ROOT/lab/pki.sh"

API=/run/api
API_URL=https://127.0.0.1:6443
export PKI=$API/pki

wait_until() {
  local until=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.2
  done
}

# api_set_up [FLAG...]: keys, certificates, and an address that is not loopback, as clients and the server's own Service want it.
api_set_up() {
  mkdir -p "$API" "$PKI"
  printf '%s\n' "$@" >"$API/flags"
  ip addr add 10.15.0.1/32 dev lo
  pki_ca clients-ca
  openssl genrsa -out "$API/serviceaccounts.key" 2048 2>/dev/null
  pki_ca servers-ca-1
  echo servers-ca-1 >"$API/serving-ca"
  cp "$PKI/servers-ca-1.crt" "$API/ca.crt"
  _api_certificate
  kubeconfig_for admin --user admin system:masters >/dev/null
}

_api_certificate() {
  local san=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,IP:::1,IP:10.15.0.1,IP:10.96.0.1
  _pki_sign server ec /CN=kube-apiserver "$(cat "$API/serving-ca")" basicConstraints=critical,CA:false \
    keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth "subjectAltName=$san"
}

etcd_start() {
  etcd --data-dir "$API/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync --log-level warn >>"$API_LOGS/etcd.log" 2>&1 </dev/null &
}

_api_ready() { kubectl --kubeconfig "$API/admin.kubeconfig" get --raw /readyz; }

api_start() {
  local flags=() flag
  while IFS= read -r flag; do [ -z "$flag" ] || flags+=("$flag"); done <"$API/flags"
  kube-apiserver --etcd-servers http://127.0.0.1:2379 --secure-port 6443 --bind-address 0.0.0.0 --advertise-address 10.15.0.1 \
    --tls-cert-file "$PKI/server.crt" --tls-private-key-file "$PKI/server.key" --client-ca-file "$PKI/clients-ca.crt" \
    --service-account-issuer https://kubernetes.default.svc --service-account-signing-key-file "$API/serviceaccounts.key" \
    --service-account-key-file "$API/serviceaccounts.key" --service-cluster-ip-range 10.96.0.0/16 --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction "${flags[@]}" \
    >>"$API_LOGS/apiserver.log" 2>&1 </dev/null &
  local pid=$!
  echo "$pid" >"$API/apiserver.pid"
  local until=$((SECONDS + 120))
  until _api_ready >/dev/null 2>&1; do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "kube-apiserver ended; see $API_LOGS/apiserver.log" >&2
      return 1
    fi
    [ "$SECONDS" -lt "$until" ] || { echo "kube-apiserver was not ready within 120 s" >&2; return 1; }
    sleep 0.2
  done
}

_api_end() {
  local pid
  pid=$(cat "$API/apiserver.pid")
  kill "-$1" "$pid"
  # As parent we reap it; else its own parent does.
  wait "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
api_stop() { _api_end TERM; }
api_kill() { _api_end KILL; }
api_restart() { api_stop && api_start; }
api_pause() { kill -STOP "$(cat "$API/apiserver.pid")"; }
api_resume() { kill -CONT "$(cat "$API/apiserver.pid")"; }

# _etcd METHOD JSON: one request to etcd's gateway, over plain HTTP.
_etcd() {
  local at status line length=''
  exec {at}<>/dev/tcp/127.0.0.1/2379
  printf 'POST /v3/kv/%s HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
    "$1" "${#2}" "$2" >&"$at"
  read -r _ status _ <&"$at"
  while IFS= read -r line <&"$at" && [ "$line" != $'\r' ]; do
    [[ ${line,,} != content-length:* ]] || length=${line//[^0-9]/}
  done
  if [ -n "$length" ]; then head -c "$length" <&"$at"; else cat <&"$at"; fi
  exec {at}>&-
  [ "$status" = 200 ]
}

etcd_compact() {
  local revision
  revision=$(_etcd range '{"key": "AA=="}' | grep -oE '"revision":"[0-9]+"' | grep -oE '[0-9]+')
  _etcd compaction "{\"revision\": \"$revision\", \"physical\": true}" >/dev/null
}

ca_add() {
  local next
  next=servers-ca-$(($(sed 's/.*-//' "$API/serving-ca") + 1))
  pki_ca "$next"
  cat "$PKI/$next.crt" >>"$API/ca.crt"
  echo "$next" >"$API/serving-ca"
}
ca_switch() {
  _api_certificate
  api_restart
}
ca_drop() {
  cp "$PKI/$(cat "$API/serving-ca").crt" "$API/ca.crt.new"
  mv "$API/ca.crt.new" "$API/ca.crt"
}

kubeconfig_for() {
  local file=$API/$1.kubeconfig name=$1 user
  case "$2" in
    --token-file) user="{tokenFile: \"$3\"}" ;;
    --user)
      local subject=/CN=$3 group
      for group in "${@:4}"; do subject=/O=$group$subject; done
      _pki_sign "user-$name" ec "$subject" clients-ca basicConstraints=critical,CA:false keyUsage=critical,digitalSignature \
        extendedKeyUsage=clientAuth
      user="{client-certificate: \"$PKI/user-$name.crt\", client-key: \"$PKI/user-$name.key\"}"
      ;;
    *) echo "kubeconfig_for: unknown option $2" >&2; return 1 ;;
  esac
  cat >"$file" <<-Y
	apiVersion: v1
	kind: Config
	clusters: [{name: lab, cluster: {server: "$API_URL", certificate-authority: "$API/ca.crt"}}]
	users: [{name: $name, user: $user}]
	contexts: [{name: lab, context: {cluster: lab, user: $name}}]
	current-context: lab
	Y
  printf '%s\n' "$file"
}

namespace() {
  kubectl get namespace "$1" >/dev/null 2>&1 || kubectl create namespace "$1" >/dev/null
}

service_account() {
  namespace "$1"
  kubectl get serviceaccount -n "$1" "$2" >/dev/null 2>&1 || kubectl create serviceaccount -n "$1" "$2" >/dev/null
}

merged() {
  python3 -c '
import json, sys
def merge(a, b):
    for key, value in b.items():
        a[key] = merge(a[key], value) if isinstance(value, dict) and isinstance(a.get(key), dict) else value
    return a
print(json.dumps(merge(json.loads(sys.argv[1]), json.loads(sys.argv[2]))))' "$1" "$2"
}

# _write_status OBJECT KIND NAME…: apart from the object, as kubelets do.
_write_status() {
  [[ $1 == *'"status"'* ]] || return 0
  kubectl patch "${@:2}" --subresource status --type merge -p "$(python3 -c '
import json, sys
print(json.dumps({"status": json.loads(sys.argv[1])["status"]}))' "$1")" >/dev/null
}

node() {
  local made="{\"apiVersion\": \"v1\", \"kind\": \"Node\", \"metadata\": {\"name\": \"$1\", \"labels\":
    {\"kubernetes.io/hostname\": \"$1\", \"kubernetes.io/os\": \"linux\"}}}"
  made=$(merged "$made" "${2:-{\}}")
  kubectl apply -f - >/dev/null <<<"$made"
  _write_status "$made" node "$1"
}

pod() {
  service_account "$1" "${4:-default}"
  local made="{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"namespace\": \"$1\", \"name\": \"$2\"}, \"spec\":
    {\"nodeName\": \"$3\", \"serviceAccountName\": \"${4:-default}\", \"containers\": [{\"name\": \"main\", \"image\": \"none.invalid/none\"}]}}"
  made=$(merged "$made" "${5:-{\}}")
  kubectl apply -f - >/dev/null <<<"$made"
  _write_status "$made" pod -n "$1" "$2"
}

token() { kubectl create token -n "$1" "$2" "${@:3}"; }

pod_token() {
  local account uid
  read -r account uid < <(kubectl get pod -n "$1" "$2" -o jsonpath='{.spec.serviceAccountName} {.metadata.uid}{"\n"}')
  token "$1" "$account" --bound-object-kind Pod --bound-object-name "$2" --bound-object-uid "$uid" "${@:3}"
}

in_cluster() {
  local at=/var/run/secrets/kubernetes.io/serviceaccount
  mkdir -p "$at"
  pod_token "$1" "$2" >"$at/token.new"
  mv "$at/token.new" "$at/token"
  cp "$API/ca.crt" "$at/ca.crt"
  printf '%s' "$1" >"$at/namespace"
  export KUBERNETES_SERVICE_HOST=10.15.0.1 KUBERNETES_SERVICE_PORT=6443
}
