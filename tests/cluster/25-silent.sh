#!/usr/bin/env bash
# A node whose agent is away for longer than liveness waits, as in a rollout that fetches its image first, under numbered packets that go to it and none
# back: its peer gives up the IKE SA, nothing is lost, and the SAs are replaced when the agent is back (docs/adr/023).
# lab: --timeout 1200
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

sleepers_run
kubectl label nodes node1 node2 agent=wanted >/dev/null
helm_installs --set agent.nodeSelector.agent=wanted
check "a policy" policy Required
check "  is Ready" wait_until 240 policy_ready

# spi: of the SA that carries the packets.
spi() { on 1 ip -s xfrm state list dst 10.10.0.12 | awk '/spi/ {print $4}' | sort | head -c 200; }
pause 20 # where both began, one of two goes
before=$(spi)
pod_stream_start 1 "$POD1" 2 "$POD2" 100 7000
kubectl label node node2 agent- >/dev/null
check "node2's agent is gone" wait_until 120 eval '[ -z "$(agent_of 2)" ]'
lost() { kubectl logs -n espalier-system "$(agent_of 1)" -c agent | grep -E 'PeerLost .*node2/v4'; }
check "node1 gives its peer up" wait_until 120 lost
show
pause 30
equal "  and goes on with the SAs that it had" "$before" "$(spi)"
kubectl label node node2 agent=wanted >/dev/null
check "it is back" wait_until 120 eval '[ -n "$(agent_of 2)" ] && agents_ready'
check "  with other SAs" wait_until 120 eval '[ -n "$(spi)" ] && [ "$(spi)" != "$before" ]'
check "  the policy is Ready" wait_until 240 policy_ready
pod_stream_stop 7000
note "$STREAM_SENT sent, $STREAM_LOST lost, longest gap $STREAM_GAP"
check "nothing was lost" test "$STREAM_LOST" -eq 0
