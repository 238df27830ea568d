#!/usr/bin/env bash
# Selected pods by ESP, others in clear, by sets of the packet filter alone; nothing in clear when it is flushed or behind; both families.
# lab: --timeout 400
exec dataplane_selftest --gtest_filter='*Selection.*'
