#!/usr/bin/env bash
# Two candidates for a Lease: one leads; paused for 25 s it loses, and does not act when it goes on; a leader that ends hands
# over; a leader that is killed is followed.
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"
namespace work

version() { kubectl get configmap -n work "acts-$1" -o jsonpath='{.metadata.resourceVersion}'; }
holder() { kubectl get lease -n work it -o jsonpath='{.spec.holderIdentity}'; }
acts() { says "$1" '^acted' "$(($(count "$1" '^acted') + 3))"; }

probe a stand work it a
check "the first leads" says a '^started'
probe b stand work it b
check "and acts" acts a
equal "the other does not" 0 "$(count b '^(started|acted)')"
equal "the lease says who" a "$(holder)"

note "the leader is paused"
kill -STOP "$(cat /run/a.pid)"
before=$(version a)
check "the other takes over" says b '^started'
equal "and holds the lease" b "$(holder)"
check "and acts" acts b
# 25 s in all, so that the paused one finds everything of its own long expired.
sleep 10
kill -CONT "$(cat /run/a.pid)"
check "the paused one finds out" says a '^stopped: '
check "while the other acts on" acts b
equal "and did not act again" "$before" "$(version a)"
equal "nobody else began" "1 1" "$(count a '^started') $(count b '^started')"

note "the leader ends in order"
check "it ends" end_probe b
check "and has let go" says b '^stopped: released'
check "the other follows long before the lease would expire" wait_until 12 _said_enough a '^started' 2

note "the leader is killed"
probe c stand work it c
kill -KILL "$(cat /run/a.pid)"
wait "$(cat /run/a.pid)" 2>/dev/null || true
check "the third leads once the lease has expired" says c '^started'
equal "it is the third that took it over" 3 "$(kubectl get lease -n work it -o jsonpath='{.spec.leaseTransitions}')"

note "the server is away for longer than the lease"
api_pause
check "the leader stops" says c '^stopped: not renewed in time'
api_resume
check "and leads again when it is back" says c '^started' 2
check "it ends in order" end_probe c
