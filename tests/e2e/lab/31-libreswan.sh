#!/usr/bin/env bash
# libreswan with strongSwan: tunnel mode for pods; nothing lost, nothing in clear.
exec "$ESPALIER_ROOT/lab/examples/libreswan.sh"
