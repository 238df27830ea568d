# Sourced by the tests of this folder: kube_probe in the background.
#
#   probe NAME ARG...      starts kube_probe as NAME; says, count and end_probe (tests/api/lib.sh) take it from there
#   kubeconfig_with FIELD  writes /run/other.kubeconfig: the administrator's, with other fields for the cluster
#   proxy_start            an HTTP proxy on 127.0.0.1:3128 that knows CONNECT; its process is PROXY, and /run/proxy.log says
#                          whom it connected to. What it holds when it is killed reaches nobody.
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"
need "kube_probe is built" command -v kube_probe

probe() { background "$1" kube_probe "${@:2}"; }

kubeconfig_with() { sed "s|server: \"[^\"]*\"|$1|" "$KUBECONFIG" >/run/other.kubeconfig; }

proxy_start() {
  python3 - <<'P' >>/run/proxy.log &
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
        if not (data := client.recv(4096)):
            return
        head += data
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
  # shellcheck disable=SC2034  # for those who source this
  PROXY=$!
  wait_until 20 _proxy_listens
}
_proxy_listens() { (: <>/dev/tcp/127.0.0.1/3128); }
