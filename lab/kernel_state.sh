# Sourced inside a lab machine, after topology.sh: what a node's kernel says of its IPsec.
#
#   xfrm_list NAMESPACE [in|out [PEER]]   finished SAs, one a line: "in|out destination 0xSPI octets"; PEER narrows it to one far end's address
#   xfrm_spis NAMESPACE in|out [PEER]  SPIs of the finished SAs, 0x…, one a line
#   xfrm_bytes NAMESPACE in|out        bytes that those SAs have carried
#   xfrm_counter NAMESPACE NAME        a row of /proc/net/xfrm_stat, for example XfrmInNoStates
#   xfrm_errors NAMESPACE              the rows that are not zero
#   assert_sa_pair NS_A NS_B           there are SAs both ways, and each outbound one of either stands inbound at the other
#   no_sa NAMESPACE…                   none of them has a finished SA
# shellcheck shell=bash

# Larval SAs (acquires, reserved SPIs) have no key and do not count.
xfrm_list() {
  { ip -n "$1" -o addr show && ip -n "$1" -s xfrm state list nokeys; } | awk -v want="${2:-}" -v only="${3:-}" '
    function flush() {
      if (spi != "" && keyed && (want == "" || dir == want) && (only == "" || only == far)) print dir, dst, spi, bytes
      spi = ""; keyed = 0; bytes = 0
    }
    $1 ~ /^[0-9]+:$/ && $3 ~ /^inet/ { sub("/.*", "", $4); ours[$4] }
    /^src / { flush(); dst = $4; dir = dst in ours ? "in" : "out"; far = dir == "in" ? $2 : dst }
    /^\tproto esp / { spi = $4; sub(/\(.*/, "", spi) }
    /^\t(aead|enc) / { keyed = 1 }
    /lifetime current:/ { current = 1; next }
    current { bytes = $1; sub(/\(.*/, "", bytes); current = 0 }
    END { flush() }'
}

xfrm_spis() { xfrm_list "$@" | awk '{print $3}' | sort; }
xfrm_bytes() { xfrm_list "$@" | awk '{sum += $4} END {print sum + 0}'; }
xfrm_counter() { at "$1" awk -v name="$2" '$1 == name {print $2}' /proc/net/xfrm_stat; }
xfrm_errors() { at "$1" awk '$2 != 0' /proc/net/xfrm_stat; }

assert_sa_pair() {
  # shellcheck disable=SC2016
  awk -v names="$1 $2" '
    BEGIN { split(names, name, " ") }
    FNR == 1 { ++file }
    $1 == "in" { inbound[file, $3] }
    $1 == "out" { ++count[file]; outbound[file, $3] }
    END {
      for (i = 1; i <= 2; ++i) if (!count[i]) { print name[i] " has no outbound SA"; bad = 1 }
      for (key in outbound) {
        split(key, part, SUBSEP)
        if (!((3 - part[1], part[2]) in inbound)) {
          print name[part[1]] " sends with " part[2] ", which " name[3 - part[1]] " does not have"; bad = 1
        }
      }
      exit bad
    }' <(echo; xfrm_list "$1") <(echo; xfrm_list "$2") >&2
}

no_sa() { [ -z "$(for _ns in "$@"; do xfrm_list "$_ns"; done)" ]; }
