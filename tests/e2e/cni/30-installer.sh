#!/usr/bin/env bash
# espalier-cni as its own installer: program and entry come into the runtime's folders, drift is put right, a rollout leaves both, and the
# agent's mark that Espalier goes takes both out, so that every file is as it was.
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
mkdir -p /run/bin /run/net.d /run/espalier /run/image
# As the image has it.
strip -o /run/image/espalier-cni "$(type -P espalier-cni)"
PATH=/run/image:$PATH
options=(--bin-dir /run/bin --conf-dir /run/net.d --socket /run/espalier/pods.sock --timeout 7 --exempt-namespace espalier-system
  --exempt-namespace kube-system)
installer() { espalier-cni install "${options[@]}" 2>>/run/installer.log & installer=$!; }
installed() { espalier-cni installed "${options[@]}"; }
lacks() { ! grep -q "$1" "$2"; }
net=/run/net.d/10-net.conflist
printf '{\n\t"cniVersion": "0.3.1",\n\t"name": "net",  "mtu": 1.5e3,\n\t"plugins": [\n\t\t{"type": "bridge"}\n\t]\n}\n' >/run/net.before
entry='{"type":"espalier-cni","socket":"/run/espalier/pods.sock","timeoutSeconds":7,"exemptNamespaces":["espalier-system","kube-system"]}'

installer
check "the program is there before a network is" wait_for 30 test -x /run/bin/espalier-cni
check "  and waits for one" wait_for 30 grep -q WaitsForNetwork /run/installer.log
refuse "  which is not all" installed
said "  it says" "no network is configured yet"
cp /run/net.before "$net"
check "a network comes, and the entry with it" wait_for 30 grep -qF "$entry" "$net"
check "  behind the network's plugins" grep -qzF "{\"type\": \"bridge\"},
		$entry
	]" "$net"
check "  that is all" wait_for 30 installed
check "  for a runtime, too" python3 -m json.tool "$net"
cp /run/net.before "$net"
check "its owner writes it anew: the entry comes back" wait_for 30 grep -qF "$entry" "$net"
rm /run/bin/espalier-cni
check "so does the program" wait_for 30 installed
echo '{"cniVersion": "1.0.0", "name": "net", "plugins": [{"typ": "bridge"}]}' >"$net"
check "what no runtime could use is named" wait_for 30 grep -q "10-net.conflist: plugins\[0\].type: is missing" /run/installer.log
check "  and left alone" lacks espalier-cni "$net"
cp /run/net.before "$net"
check "  until it is right" wait_for 30 installed
kill "$installer"
check "a rollout ends the installer" wait "$installer"
check "  and leaves all in place" installed
installer
echo '{"cniVersion": "0.4.0", "name": "old", "type": "ptp"}' >/run/conf.before
cp /run/conf.before /run/net.d/05-old.conf
check "a .conf that comes first becomes a list" wait_for 30 grep -qF "$entry" /run/net.d/05-old.conflist
check "  and no runtime sees it twice" wait_for 30 test ! -e /run/net.d/05-old.conf
touch /run/espalier/uninstalling
check "the mark takes the entry out" wait_for 30 cmp /run/net.before "$net"
check "  and brings the .conf back" wait_for 30 cmp /run/conf.before /run/net.d/05-old.conf
check "  and takes the program" wait_for 30 test ! -e /run/bin/espalier-cni
equal "  nothing else is there" "05-old.conf 10-net.conflist" "$(ls -A /run/net.d | paste -sd ' ')"
rm /run/espalier/uninstalling
check "taken back, all is there again" wait_for 30 installed
kill -STOP "$installer"
touch /run/espalier/uninstalling
kill "$installer"
kill -CONT "$installer"
check "ended while the mark is there" wait "$installer"
check "  it takes all out first" cmp /run/conf.before /run/net.d/05-old.conf
rm /run/espalier/uninstalling
installer
check "once more" wait_for 30 installed
kill "$installer"
wait "$installer" || true
check "by hand" espalier-cni uninstall --bin-dir /run/bin --conf-dir /run/net.d
check "  too" cmp /run/conf.before /run/net.d/05-old.conf
refuse "a word that is not known" espalier-cni uninstal
said "  is told what there is" "subcommand"
