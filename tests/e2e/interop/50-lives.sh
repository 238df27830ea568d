#!/usr/bin/env bash
# With strongSwan, libreswan and another agent of ours at once: IKE SAs rekeyed by us every few seconds and by the peer, the Child by the peer,
# streams both ways that lose nothing; `espalierctl down` takes the SAs at both ends; a peer that was killed and lost its SAs is back.
# lab: --timeout 500
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/lives.sh"

lives 4
