#!/usr/bin/env bash
# The same as 50-lives.sh over IPv6.
# lab: --timeout 500
source "$ESPALIER_ROOT/tests/e2e/lib.sh"
source "$ESPALIER_ROOT/lab/espalier.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/tunnel.sh"
source "$ESPALIER_ROOT/tests/e2e/interop/lives.sh"

lives 6
