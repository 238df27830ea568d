#!/usr/bin/env bash
# Two agents of ours: transport and tunnel mode, IPv4 and IPv6 outside, ECDSA and RSA, PPK required or none, each with each but the key,
# which is paired with each.
# lab: --timeout 600
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/matrix.sh"

matrix ours <<CASES
we Transport 4 ec no
we Transport 6 rsa no
we Tunnel 4 rsa no
we Tunnel 6 ec no
we Transport 4 ec insist
we Transport 6 rsa insist
we Tunnel 4 rsa insist
we Tunnel 6 ec insist
CASES
