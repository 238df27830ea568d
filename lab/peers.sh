# Sourced inside a lab machine, after topology.sh and pki.sh: strongSwan and libreswan as a node's IKE daemon.
#
#   strongswan_node NAMESPACE [OPTION…] <swanctl.conf    starts charon there and loads the configuration
#   libreswan_node NAMESPACE [OPTION…] <conns            starts pluto there and loads the connections (conn sections)
#     --cert NAME    a certificate of $PKI with its key and chain; in the configuration: certs = NAME.crt, leftcert = NAME
#     --ca NAME      an authority of $PKI to trust; may be repeated
#     --setup TEXT   more for strongswan.conf's charon section, or for ipsec.conf's config setup; may be repeated
#     --plugin NAME  one more plugin of charon's
#     --secret LINE  a line of libreswan's ipsec.secrets
#   peer NAMESPACE COMMAND…       runs a command in the peer's root and network: peer node1 swanctl --list-sas
#   peer_up NAMESPACE CHILD       initiates and waits; fails when there is no SA in time
#   peer_log NAMESPACE            what the daemon wrote
#   peer_kill NAMESPACE           ends the daemon with SIGKILL; the kernel keeps its SAs and policies
#   peer_stop NAMESPACE           ends it as an administrator would
#   peer_start NAMESPACE          starts it again with the configuration it had
#   peer_files NAMESPACE          the folder that is its root: files put there are seen by it
#   peer_change NAMESPACE <CONF   other connections in place of those it has, while it runs
#
# Each namespace has an overlay of its own over $ESPALIER_PEERS. libreswan's updown script is off unless a conn names one. It asks
# for its peer's certificate only where the conn has rightca (%same: the one that signed ours).
# shellcheck shell=bash

declare -gA _peer_kind=() _peer_pid=() _peer_setup=() _peer_plugins=()

peer_files() { echo "/run/peers/$1/root"; }
peer() { nsenter --net="/run/netns/$1" -- chroot "/run/peers/$1/root" "${@:2}"; }
peer_log() { cat "/run/peers/$1/root/var/log/ike.log"; }

_peer_root() {
  local base=/run/peers/$1 root=/run/peers/$1/root
  mkdir -p "$base"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$ESPALIER_PEERS/$2,upperdir=$base/upper,workdir=$base/work" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs run "$root/run"
  mkdir -p "$root/run/pluto" "$root/run/lock"
  _peer_kind[$1]=$2
  _peer_setup[$1]=''
  _peer_plugins[$1]=''
}

# Reads the options into _certs, _cas and _secrets.
_peer_options() {
  local namespace=$1
  _certs=() _cas=() _secrets=()
  shift
  while [ $# -gt 0 ]; do
    case "$1" in
      --cert) _certs+=("$2") ;;
      --ca) _cas+=("$2") ;;
      --setup) _peer_setup[$namespace]+="$2"$'\n' ;;
      --secret) _secrets+=("$2") ;;
      --plugin) _peer_plugins[$namespace]+=" $2" ;;
      *) echo "peer: unknown option $1" >&2; return 1 ;;
    esac
    shift 2
  done
}

strongswan_node() {
  local namespace=$1 root=/run/peers/$1/root _certs _cas _secrets one
  _peer_root "$namespace" strongswan
  _peer_options "$@" || return 1
  for one in "${_certs[@]}"; do
    cp "$PKI/$one.crt" "$root/etc/swanctl/x509/"
    cp "$PKI/$one.key" "$root/etc/swanctl/private/"
    # What the peer needs to reach our root; charon sends such authorities along.
    [ ! -s "$PKI/$one.chain" ] || cp "$PKI/$one.chain" "$root/etc/swanctl/x509ca/$one-chain.crt"
  done
  for one in "${_cas[@]}"; do cp "$PKI/$one.crt" "$root/etc/swanctl/x509ca/"; done
  cat >"$root/etc/swanctl/swanctl.conf"
  # An explicit list of plugins: kernel-libipsec, bypass-lan and forecast would get in the way.
  cat >"$root/etc/strongswan.conf" <<-CONF
	charon-systemd {
	  load_modular = no
	  load = random nonce aes sha1 sha2 hmac kdf pem pkcs1 pkcs8 x509 revocation constraints pubkey openssl gcm curve25519 chapoly kernel-netlink socket-default vici updown${_peer_plugins[$namespace]}
	  syslog { }
	  filelog { log {
	    path = /var/log/ike.log
	    flush_line = yes
	    default = 1
	    ike = 2
	  } }
	  ${_peer_setup[$namespace]}
	}
	swanctl { load = pem pkcs1 pkcs8 x509 revocation constraints pubkey openssl random }
	CONF
  peer_start "$namespace"
}

# The configuration around the connections on standard input.
_ipsec_conf() {
  printf 'config setup\n  logfile=/var/log/ike.log\n  logtime=no\n'
  printf '%s' "${_peer_setup[$1]}" | sed 's/^ */  /'
  printf '\nconn %%default\n  leftupdown=\n\n'
  cat
}

libreswan_node() {
  local namespace=$1 root=/run/peers/$1/root _certs _cas _secrets one
  _peer_root "$namespace" libreswan
  _peer_options "$@" || return 1
  _ipsec_conf "$namespace" >"$root/etc/ipsec.conf"
  printf '%s\n' "${_secrets[@]}" >"$root/etc/ipsec.secrets"
  _nss() { peer "$namespace" "$1" -d sql:/var/lib/ipsec/nss "${@:2}" >>"$root/tmp/nss.log" 2>&1 || { cat "$root/tmp/nss.log" >&2; return 1; }; }
  peer "$namespace" ipsec initnss >"$root/tmp/nss.log" 2>&1 || return 1
  for one in "${_certs[@]}"; do
    cp "$PKI/$one.p12" "$root/tmp/"
    _nss pk12util -i "/tmp/$one.p12" -W "" -K "" || return 1
  done
  for one in "${_cas[@]}"; do
    cp "$PKI/$one.crt" "$root/tmp/"
    _nss certutil -A -n "$one" -t CT,C,C -i "/tmp/$one.crt" || return 1
  done
  peer_start "$namespace"
}

_peer_failed() {
  cat "$1"/tmp/{load,daemon}.out >&2
  return 1
}

peer_start() {
  local namespace=$1 root=/run/peers/$1/root
  case "${_peer_kind[$namespace]}" in
    strongswan)
      spawn "$namespace" "$root/tmp/daemon.out" chroot "$root" /usr/sbin/charon-systemd
      _peer_pid[$namespace]=$SPAWNED
      wait_for 60 test -S "$root/run/charon.vici" || _peer_failed "$root" || return 1
      peer "$namespace" swanctl --load-all >"$root/tmp/load.out" 2>&1 || _peer_failed "$root"
      ;;
    libreswan)
      spawn "$namespace" "$root/tmp/daemon.out" chroot "$root" /usr/libexec/ipsec/pluto --nofork --config /etc/ipsec.conf
      _peer_pid[$namespace]=$SPAWNED
      wait_for 60 peer "$namespace" ipsec briefstatus || _peer_failed "$root" || return 1
      peer "$namespace" /usr/libexec/ipsec/addconn --config /etc/ipsec.conf --autoall >"$root/tmp/load.out" 2>&1 || _peer_failed "$root"
      ;;
    *) echo "no peer was set up in $namespace" >&2; return 1 ;;
  esac
}

peer_change() {
  local root=/run/peers/$1/root conn
  case "${_peer_kind[$1]}" in
    strongswan)
      cat >"$root/etc/swanctl/swanctl.conf"
      peer "$1" swanctl --load-all >"$root/tmp/load.out" 2>&1 || _peer_failed "$root"
      ;;
    libreswan)
      for conn in $(sed -n 's/^conn \([^%].*\)/\1/p' "$root/etc/ipsec.conf"); do peer "$1" ipsec delete "$conn" >/dev/null 2>&1 || true; done
      _ipsec_conf "$1" >"$root/etc/ipsec.conf"
      peer "$1" /usr/libexec/ipsec/addconn --config /etc/ipsec.conf --autoall >"$root/tmp/load.out" 2>&1 || _peer_failed "$root"
      ;;
  esac
}

# `ipsec up` succeeds also where the peer refused and pluto means to try again.
peer_up() {
  local out=/run/peers/$1/up.out
  case "${_peer_kind[$1]}" in
    strongswan) peer "$1" timeout 60 swanctl --initiate --child "$2" >"$out" 2>&1 ;;
    libreswan) peer "$1" timeout 60 ipsec up "$2" >"$out" 2>&1 && grep -qE 'established (Child|IPsec) SA' "$out" ;;
  esac || { cat "$out" >&2; return 1; }
}

_peer_end() {
  local pid=${_peer_pid[$1]:-}
  [ -n "$pid" ] || return 0
  kill "-$2" "$pid"
  wait "$pid" 2>/dev/null || true
  unset "_peer_pid[$1]"
  rm -f "/run/peers/$1/root/run/charon.vici" "/run/peers/$1/root/run/pluto/"*
}
peer_kill() { _peer_end "$1" KILL; }
peer_stop() { _peer_end "$1" TERM; }
