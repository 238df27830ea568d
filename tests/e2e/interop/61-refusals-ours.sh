#!/usr/bin/env bash
# What must be refused of another agent of ours is refused by the agent that knows why and says it; see refusals.sh.
# lab: --timeout 600
# By hand, an argument picks cases: lab/run tests/e2e/interop/61-refusals-ours.sh 'they wrong CA'
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/refusals.sh"

refusals_start
refusals "$@" <<CASES
ours|they|wrong CA|UntrustedIssuer
ours|we|ID not in SAN|IdNotInCertificate
ours|they|ID not in SAN|IdNotInCertificate
ours|they|wrong PPK|PpkMismatch
ours|they|no common IKE proposal|NoProposalChosen
ours|they|no common ESP proposal|NoProposalChosen
ours|they|selectors|SelectorsUnacceptable
ours|they|mode|ModeMismatch
ours|we|wrong PPK|PpkMismatch|Local|4
ours|we|no common IKE proposal|NoProposalChosen|Local|4
ours|we|no common ESP proposal|NoProposalChosen|Local|4
ours|we|selectors|SelectorsUnacceptable|Local|4
ours|we|selectors|SelectorsUnacceptable|Peer|1
CASES

# An agent does not even begin with a certificate of its own that has expired: it is the side that knows.
if [ $# -eq 0 ]; then
  our_tunnel --to 4 --name own
  our_tunnel --at 4 --to 1 --name own --cert node4-expired
  check "ours, expired: the agent that holds it knows" wait_for 40 eval "ectl 4 -o json status Tunnel/edge/own | has '\"reason\": \"CredentialsUnusable\"'"
  note "$(ectl 4 status Tunnel/edge/own | grep -A 1 'why')"
  refuse "  no packet crosses" at node1 ping -c 2 -i 0.2 -W 1 -q "$(node_ip 4)"
  check "  no SA at either end" no_sa node1 node4
fi
refusals_end
