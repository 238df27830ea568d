#!/usr/bin/env bash
# strongSwan with strongSwan: transport mode, certificates, PPK; nothing lost, nothing in clear.
exec "$ESPALIER_ROOT/lab/examples/strongswan.sh"
