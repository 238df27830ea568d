#!/usr/bin/env bash
# What must be refused of strongSwan and libreswan is refused by our agent, which knows why and says it, whoever begins; see refusals.sh.
# lab: --timeout 600
# By hand, an argument picks cases: lab/run tests/e2e/interop/60-refusals-peers.sh 'they wrong CA'
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/refusals.sh"

# Not here: libreswan with an expired certificate, for it does not take a connection whose own certificate has expired.
refusals_start
refusals "$@" <<CASES
strongSwan|we|wrong CA|UntrustedIssuer
strongSwan|they|wrong CA|UntrustedIssuer
strongSwan|we|expired|CertificateExpired
strongSwan|they|expired|CertificateExpired
strongSwan|they|wrong PPK|PpkMismatch
strongSwan|they|no common IKE proposal|NoProposalChosen
strongSwan|they|no common ESP proposal|NoProposalChosen
strongSwan|they|selectors|SelectorsUnacceptable
strongSwan|we|wrong PPK|AuthenticationFailed|Peer
strongSwan|we|no common IKE proposal|NoProposalChosen|Peer
strongSwan|we|no common ESP proposal|NoProposalChosen|Peer
strongSwan|we|selectors|SelectorsUnacceptable|Peer
strongSwan|they|ID not in SAN|IdNotInCertificate
libreswan|they|wrong CA|UntrustedIssuer
libreswan|we|wrong CA|UntrustedIssuer
libreswan|they|wrong PPK|PpkMismatch
libreswan|they|no common IKE proposal|NoProposalChosen
libreswan|they|no common ESP proposal|NoProposalChosen
libreswan|they|selectors|SelectorsUnacceptable
libreswan|we|wrong PPK|AuthenticationFailed|Peer
libreswan|we|no common IKE proposal|NoProposalChosen|Peer
libreswan|we|no common ESP proposal|NoProposalChosen|Peer
libreswan|we|selectors|SelectorsUnacceptable|Peer
libreswan|we|ID not in SAN|IdNotInCertificate
CASES
refusals_end
