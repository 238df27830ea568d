#!/usr/bin/env bash
# The clear-traffic guard drops and counts what should go by ESP: both ways, both families, masqueraded, fragmented.
# lab: --timeout 400
exec dataplane_selftest --gtest_filter=Guard.*
