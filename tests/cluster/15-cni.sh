#!/usr/bin/env bash
# espalier-cni on a node of a cluster, by cnitool and in the network that the chart's installer patched: every verb, a hundred ADD and DEL in parallel, what
# it adds to a pod's start (p50, p99), and the agent away.
# lab: --timeout 1500
source "$ESPALIER_ROOT/tests/cluster/lib.sh"

helm_installs --set cni.enabled=true
check "a policy" policy Required
check "  is Ready" wait_until 240 policy_ready
check "the plugin is installed" wait_until 60 on 1 grep -q espalier-cni /etc/cni/net.d/10-base.conflist
on 1 cat /etc/cni/net.d/10-base.conflist | sed 's/^/     /'

check "every verb, on node1" on 1 bash "$ESPALIER_ROOT/tests/cluster/cni_on_node.sh" verbs
show
check "100 ADD and DEL in parallel" on 1 bash "$ESPALIER_ROOT/tests/cluster/cni_on_node.sh" parallel
show
check "what it adds to a pod's start" on 1 bash "$ESPALIER_ROOT/tests/cluster/cni_on_node.sh" latency
show
agent_stops 1
check "the agent does not answer" on 1 bash "$ESPALIER_ROOT/tests/cluster/cni_on_node.sh" away
show
check "it goes on" agent_goes_on 1
check "  and answers" on 1 bash "$ESPALIER_ROOT/tests/cluster/cni_on_node.sh" verbs
