# Sourced inside a lab machine, after topology.sh: what a node's kernel says of its IPsec.
#
#   xfrm_spis NAMESPACE in|out [DST]   SPIs of the finished SAs, 0x…, one a line; DST narrows it to one destination
#   xfrm_bytes NAMESPACE in|out        bytes that those SAs have carried
#   xfrm_counter NAMESPACE NAME        a row of /proc/net/xfrm_stat, for example XfrmInNoStates
#   xfrm_errors NAMESPACE              the rows that are not zero
#   assert_sa_pair NS_A NS_B           there are SAs both ways, and each outbound one of either stands inbound at the other
# shellcheck shell=bash

# One line per SA with a key: "dst spi bytes". Larval SAs (acquires, reserved SPIs) have none and do not count.
_xfrm_list() {
  local addresses
  addresses=" $(ip -n "$1" -o addr show | awk '{sub("/.*", "", $4); printf "%s ", $4}')"
  ip -n "$1" -s xfrm state list nokeys | awk -v addresses="$addresses" -v want="$2" -v only="${3:-}" '
    function flush() {
      if (spi != "" && keyed && dir == want && (only == "" || only == dst)) print dst, spi, bytes
      spi = ""; keyed = 0; bytes = 0
    }
    /^src / { flush(); dst = $4; dir = index(addresses, " " $4 " ") ? "in" : "out" }
    /^\tproto esp / { spi = $4; sub(/\(.*/, "", spi) }
    /^\t(aead|enc) / { keyed = 1 }
    /lifetime current:/ { current = 1; next }
    current { bytes = $1; sub(/\(.*/, "", bytes); current = 0 }
    END { flush() }'
}

xfrm_spis() { _xfrm_list "$@" | awk '{print $2}' | sort; }
xfrm_bytes() { _xfrm_list "$@" | awk '{sum += $3} END {print sum + 0}'; }
xfrm_counter() { at "$1" awk -v name="$2" '$1 == name {print $2}' /proc/net/xfrm_stat; }
xfrm_errors() { at "$1" awk '$2 != 0' /proc/net/xfrm_stat; }

assert_sa_pair() {
  local from to spi status=0
  for from in "$1" "$2"; do
    [ "$from" = "$1" ] && to=$2 || to=$1
    if [ -z "$(xfrm_spis "$from" out)" ]; then
      echo "$from has no outbound SA" >&2
      status=1
    fi
    for spi in $(xfrm_spis "$from" out); do
      xfrm_spis "$to" in | grep -qx "$spi" || { echo "$from sends with $spi, which $to does not have" >&2; status=1; }
    done
  done
  return $status
}
