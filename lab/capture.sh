# Sourced inside a lab machine, after topology.sh: what went over the wire, and streams that count what was lost.
#
#   capture_start FILE             captures the wire (each packet once, in the bridge's own namespace) until
#   capture_stop FILE              which fails when the kernel lost a packet of the capture
#   capture_count FILE FILTER      packets that a pcap filter matches
#   capture_tell FILE [FILTER]     one line: how much ESP, IKE and anything else it holds, of the packets that FILTER matches
#   capture_assert_only_esp_ike FILE [FILTER]   at least one ESP packet, and beside ESP and IKE only ARP, neighbour discovery and MLD
#                                  reports; with FILTER: of the packets that it matches
#   capture_assert_no_text FILE TEXT   TEXT stands in no packet
#   stream_start FROM TO ADDRESS [RATE [PORT]]   numbered UDP packets from one namespace to ADDRESS in another, 200 a second
#   stream_stop PORT               ends it and sets STREAM_SENT, STREAM_RECEIVED, STREAM_LOST, STREAM_DUPLICATES, STREAM_GAP
#                                  (longest run of lost numbers); what the sender's own kernel refused counts as lost
# shellcheck shell=bash

declare -gA _capture_pid=() _sender_pid=() _receiver_pid=()

capture_start() {
  rm -f "$1"
  spawn wire "$1.counts" lab-capture br0 "$1"
  _capture_pid[$1]=$SPAWNED
  wait_for 30 test -e "$1"
}

capture_stop() {
  local pid=${_capture_pid[$1]}
  unset "_capture_pid[$1]"
  kill "$pid"
  if ! wait "$pid"; then
    echo "the capture is not whole: $(cat "$1.counts")" >&2
    return 1
  fi
}

capture_count() { tcpdump --count -r "$1" "$2" 2>/dev/null | cut -d ' ' -f 1; }

_esp='(ip proto 50 or ip6 proto 50 or (ip6 proto 44 and ip6[40] == 50) or udp port 4500)'
_exempt='(udp port 500 or arp or ip6 dst ff02::16 or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137))'

capture_tell() {
  local which=${2:+($2) and }
  echo "the wire: $(capture_count "$1" "$which$_esp") packets of ESP, $(capture_count "$1" "${which}udp port 500") of IKE," \
    "$(capture_count "$1" "${which}not ($_esp or $_exempt)") of anything else"
}

capture_assert_only_esp_ike() {
  local esp other which=${2:+($2) and }
  esp=$(capture_count "$1" "$which$_esp")
  other=$(capture_count "$1" "${which}not ($_esp or $_exempt)")
  [ "$esp" -gt 0 ] && [ "$other" -eq 0 ] && return 0
  echo "the capture holds $esp packets of ESP and $other that are neither ESP nor IKE:" >&2
  tcpdump -r "$1" -n "${which}not ($_esp or $_exempt)" 2>/dev/null | head -n 5 >&2
  return 1
}

capture_assert_no_text() {
  local found
  found=$({ grep -aoF -- "$2" "$1" || true; } | wc -l)
  [ "$found" -eq 0 ] && return 0
  echo "the capture holds the text '$2' $found times" >&2
  return 1
}

stream_start() {
  local from=$1 to=$2 address=$3 rate=${4:-200} port=${5:-7000}
  local base=/run/stream-$port
  rm -f "$base".*
  spawn "$to" "$base.received" lab-stream receive "$port" "$base.ready"
  _receiver_pid[$port]=$SPAWNED
  wait_for 30 test -e "$base.ready"
  spawn "$from" "$base.sent" lab-stream send "$address" "$port" "$rate"
  _sender_pid[$port]=$SPAWNED
}

# What both ends of a stream printed, as STREAM_ variables.
# shellcheck disable=SC2034
_stream_said() {
  local base=/run/stream-$1 field
  local -A said=()
  while read -rd ' ' field; do said[${field%%=*}]=${field#*=}; done < <(cat "$base.sent" "$base.received" | tr '\n' ' ')
  STREAM_SENT=${said[sent]} STREAM_REFUSED=${said[refused]} STREAM_RECEIVED=${said[received]}
  STREAM_DUPLICATES=${said[duplicates]} STREAM_GAP=${said[gap]} STREAM_LOST=$((said[sent] - said[received]))
}

stream_stop() {
  local port=${1:-7000}
  kill "${_sender_pid[$port]}"
  wait "${_sender_pid[$port]}"
  pause 0.3 # what is on its way
  kill "${_receiver_pid[$port]}"
  wait "${_receiver_pid[$port]}"
  _stream_said "$port"
}
