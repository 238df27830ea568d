#!/usr/bin/env bash
# Other ways to the server: an IPv6 literal, verified as such; an HTTP proxy, for calls and watches.
# lab: --flag --bind-address=::
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"

# kubeconfig_with FIELD...: the administrator's, with other fields for the cluster.
kubeconfig_with() { sed "s|server: \"[^\"]*\"|$1|" "$KUBECONFIG" >/run/other.kubeconfig; }
ask() { echo "$1" | KUBECONFIG=/run/other.kubeconfig kube_probe session; }

# cpprestsdk finds no IPv6 address, not even ::1, on a host that has no other.
ip addr add fd00:e5::1/128 dev lo
kubeconfig_with 'server: "https://[::1]:6443"'
equal "an IPv6 literal, its address in the certificate" 200 "$(ask /api/v1/namespaces)"
kubeconfig_with 'server: "https://[fd00:e5::1]:6443"'
equal "one that is not in the certificate is refused" "Error in SSL handshake" "$(ask /api/v1/namespaces)"
kubeconfig_with 'server: "https://[fd00:e5::1]:6443", tls-server-name: kubernetes'
equal "but for the name it is asked for" 200 "$(ask /api/v1/namespaces)"

# A proxy that knows CONNECT, and says whom it connected to.
python3 - <<'P' >/run/proxy.log &
import socket, threading
listener = socket.create_server(("127.0.0.1", 3128))
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    method, where, _ = head.split(b"\r\n")[0].decode().split()
    print(method, where, flush=True)
    host, port = where.rsplit(":", 1)
    server = socket.create_connection((host, int(port)))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    pump(client, server)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
P
proxy=$!
kubeconfig_with 'server: "https://10.15.0.1:6443", proxy-url: "http://127.0.0.1:3128"'
_through_proxy() { [ "$(ask /api/v1/namespaces)" = 200 ]; }
check "a call through a proxy" wait_until 20 _through_proxy
equal "which was asked to connect to the server" "CONNECT 10.15.0.1:6443" "$(sort -u /run/proxy.log)"
KUBECONFIG=/run/other.kubeconfig probe ns follow "" v1 namespaces
check "a watch through it" says ns '^synced'
kubectl create namespace one >/dev/null
check "follows" says ns '^\+one '
check "and ends in order" end_probe ns
kill "$proxy"
