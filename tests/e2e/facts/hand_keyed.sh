# Sourced by the facts, after lib.sh: SAs and policies by hand, so that nothing but the kernel is tested.
#
#   keyed_sa NS SRC DST SPI [ARG…]       one SA (default: transport mode)
#   keyed_pair N M [ARG…]                SAs both ways between two nodes' IPv4 addresses, in both kernels; SPI 0xNM04 for N to M
#   keyed_pair6 N M [ARG…]               the same between their IPv6 addresses; SPI 0xNM06
#   policy NS DIR SRC DST [ARG…]         adds a policy; ARG as `ip xfrm policy add` takes them
#   "${transport[@]}"                    a required transport template; `tunnel N M` sets "${tunnel[@]}" likewise
#   ping_from NS ADDRESS                 one echo, answered? ping_briefly: the same where no answer is expected
#   counts NS ROW COMMAND…               by how much the command raised a row of xfrm_stat, in COUNTED
#   clean NS…                            no SA and no policy left there
# shellcheck shell=bash disable=SC2034

# AES-128-GCM: 16 octets of key and 4 of salt.
_key=0x000102030405060708090a0b0c0d0e0f10111213

keyed_sa() {
  local mode=(mode transport)
  [[ " ${*:5} " != *" mode "* ]] || mode=()
  ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" reqid 1 replay-window 64 "${mode[@]}" \
    aead 'rfc4106(gcm(aes))' "$_key" 128 "${@:5}"
}

_keyed_pair() {
  local family=$1 n=$2 m=$3 ns
  local there=0x$n${m}0$family back=0x$m${n}0$family
  shift 3
  for ns in "node$n" "node$m"; do
    keyed_sa "$ns" "$(node_ip "$n" "$family")" "$(node_ip "$m" "$family")" "$there" "$@"
    keyed_sa "$ns" "$(node_ip "$m" "$family")" "$(node_ip "$n" "$family")" "$back" "$@"
  done
}
keyed_pair() { _keyed_pair 4 "$@"; }
keyed_pair6() { _keyed_pair 6 "$@"; }

policy() { ip -n "$1" xfrm policy add dir "$2" src "$3" dst "$4" "${@:5}"; }

transport=(tmpl proto esp reqid 1 mode transport)
tunnel() { tunnel=(tmpl src "$(node_ip "$1")" dst "$(node_ip "$2")" proto esp reqid 1 mode tunnel); }

clean() {
  local ns
  for ns in "$@"; do ip -n "$ns" xfrm state flush && ip -n "$ns" xfrm policy flush; done
}

ping_from() { at "$1" ping -c 1 -W 10 -q "${@:3}" "$2"; }
ping_briefly() { at "$1" ping -c 1 -W 1 -q "${@:3}" "$2"; }

counts() {
  local before
  before=$(xfrm_counter "$1" "$2")
  "${@:3}" >/dev/null 2>&1 || true
  COUNTED=$(($(xfrm_counter "$1" "$2") - before))
}
