#!/usr/bin/env bash
# Our codec and the kernel agree: SAs, policies, events and packets between two nodes, set by hand.
# lab: --timeout 400
exec dataplane_selftest --gtest_filter=-Guard.*
