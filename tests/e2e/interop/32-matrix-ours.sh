#!/usr/bin/env bash
# Two agents of ours: transport and tunnel mode, IPv4 and IPv6 outside, ECDSA and RSA, each with each but the key; PPK required or none, and who
# begins and deletes, which are paired with each.
# lab: --timeout 600
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/matrix.sh"

matrix ours <<CASES
we Transport 4 ec no
they Transport 6 rsa no
they Tunnel 4 rsa no
we Tunnel 6 ec no
they Transport 4 ec insist
we Transport 6 rsa insist
we Tunnel 4 rsa insist
they Tunnel 6 ec insist
CASES
