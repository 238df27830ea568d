#!/usr/bin/env bash
# Other ways to the server: an IPv6 literal, verified as such; an HTTP proxy, for calls and watches.
# lab: --flag --bind-address=::
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

ask() { echo "$1" | KUBECONFIG=/run/other.kubeconfig kube_probe session; }

# cpprestsdk finds no IPv6 address, not even ::1, on a host that has no other.
ip addr add fd00:e5::1/128 dev lo
kubeconfig_with 'server: "https://[::1]:6443"'
equal "an IPv6 literal, its address in the certificate" 200 "$(ask /api/v1/namespaces)"
kubeconfig_with 'server: "https://[fd00:e5::1]:6443"'
equal "one that is not in the certificate is refused" "Error in SSL handshake" "$(ask /api/v1/namespaces)"
kubeconfig_with 'server: "https://[fd00:e5::1]:6443", tls-server-name: kubernetes'
equal "but for the name it is asked for" 200 "$(ask /api/v1/namespaces)"

proxy_start
kubeconfig_with 'server: "https://10.15.0.1:6443", proxy-url: "http://127.0.0.1:3128"'
_through_proxy() { [ "$(ask /api/v1/namespaces)" = 200 ]; }
check "a call through a proxy" wait_until 20 _through_proxy
equal "which was asked to connect to the server" "CONNECT 10.15.0.1:6443" "$(sort -u /run/proxy.log)"
KUBECONFIG=/run/other.kubeconfig probe ns follow "" v1 namespaces
check "a watch through it" says ns '^synced'
kubectl create namespace one >/dev/null
check "follows" says ns '^\+one '
check "and ends in order" end_probe ns
kill "$PROXY"
