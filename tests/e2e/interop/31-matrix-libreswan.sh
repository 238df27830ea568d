#!/usr/bin/env bash
# Our agent with libreswan: either side begins and deletes, transport and tunnel mode, IPv4 and IPv6 outside, ECDSA and RSA, PPK required or none.
# Every pair of those choices stands in some case.
# lab: --timeout 600
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/matrix.sh"

matrix libreswan <<CASES
we Transport 4 ec no
we Transport 6 rsa insist
we Tunnel 4 rsa insist
we Tunnel 6 ec no
they Transport 4 ec insist
they Transport 6 rsa no
they Tunnel 4 rsa no
they Tunnel 6 ec insist
CASES
