#!/usr/bin/env bash
# What must be refused of strongSwan and libreswan is refused by our agent, which knows why and says it, whoever begins; see refusals.sh.
# lab: --timeout 600
# By hand, an argument picks cases: lab/run tests/e2e/interop/60-refusals-peers.sh 'they wrong CA'
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/refusals.sh"

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
libreswan|they|wrong CA|UntrustedIssuer
libreswan|we|wrong CA|UntrustedIssuer
libreswan|they|wrong PPK|PpkMismatch
libreswan|they|no common IKE proposal|NoProposalChosen
libreswan|they|selectors|SelectorsUnacceptable
CASES
refusals_end
