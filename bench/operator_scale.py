#!/usr/bin/env python3
"""Measures a running operator at the size of a large cluster: bench/operator_scale.sh runs it in lab/apiserver.

It makes NODES Nodes and POLICIES IPsecPolicies, plays every node's agent (each NodePolicy is reported as applied as soon as it
is seen), starts the operator, and then changes one thing after the other; at last there are PODS pods, and a policy that selects
them all. They are put into etcd, for the API server's way in would take an hour; its way out is what is measured. Writes are what the API server counted, times are
from the change until the API server has told a watch of its last consequence, processor time and memory are what the operator
says of itself. Nothing is asserted about time.
"""

import base64
import http.client
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, f"{os.environ['ESPALIER_ROOT']}/tests/api/crds")
from server import Server

API = "/apis/espalier.io/v1alpha1"
WRITES = {"APPLY", "PATCH", "POST", "PUT", "DELETE"}
METRICS = "http://127.0.0.1:9465"
QUIET = 4.0  # seconds without a write: longer than the statuses' pause


class Follower(threading.Thread):
    """One kind's objects, kept by a watch; whoever looks at them holds `lock`."""

    def __init__(self, path, lock, tell=None):
        super().__init__(daemon=True)
        self.objects, self._path, self._lock, self._tell = {}, path, lock, tell

    def run(self):
        query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        for line in Server(timeout=None).lines(f"{self._path}?{query}"):
            event = json.loads(line)
            if event["type"] == "BOOKMARK":
                continue
            name = event["object"]["metadata"]["name"]
            with self._lock:
                if event["type"] == "DELETED":
                    self.objects.pop(name, None)
                else:
                    self.objects[name] = event["object"]
            if self._tell and event["type"] != "DELETED":
                self._tell(event["object"])


class Agents:
    """All nodes' agents: what a NodePolicy says is reported as applied."""

    def __init__(self, threads=3):
        self._work = queue.Queue()
        for _ in range(threads):
            threading.Thread(target=self._run, daemon=True).start()

    def tell(self, policy):
        if policy.get("status", {}).get("appliedHash") != policy["spec"]["hash"]:
            self._work.put(policy)

    def _run(self):
        server = Server()
        while True:
            policy = self._work.get()
            name = policy["metadata"]["name"]
            named = [{"name": p["name"], "generation": p["generation"], "peers": 1, "ready": 1} for p in policy["spec"].get("policies", [])]
            status = {"appliedHash": policy["spec"]["hash"], "policies": named}
            body = {"apiVersion": "espalier.io/v1alpha1", "kind": "NodePolicy", "metadata": {"name": name}, "status": status}
            server.apply(f"{API}/nodepolicies/{name}/status", body, "espalier-agent")


class Pods:
    """Running pods in a namespace, one container each, as etcd holds them: there is no other way to make so many."""

    def __init__(self, nodes):
        self._nodes, self._etcd = nodes, http.client.HTTPConnection("127.0.0.1", 2379, timeout=60)

    @staticmethod
    def address(i):
        return f"100.{64 + (i >> 16)}.{i >> 8 & 255}.{i & 255}"

    def _pod(self, i):
        name, made, address = f"web-5f8d9c7b6d-{i:06}", "2026-01-01T00:00:00Z", self.address(i)
        metadata = {
            "name": name, "namespace": "scale", "uid": f"00000000-0000-4000-8000-{i:012}", "creationTimestamp": made,
            "labels": {"app": "web", "pod-template-hash": "5f8d9c7b6d"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5f8d9c7b6d",
                                 "uid": "00000000-0000-4000-9000-000000000001", "controller": True, "blockOwnerDeletion": True}]}
        container = {"name": "web", "image": "none.invalid/web:1", "imagePullPolicy": "IfNotPresent", "ports": [{"containerPort": 8080}],
                     "env": [{"name": f"VARIABLE_{k}", "value": "value"} for k in range(5)],
                     "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
        conditions = [{"type": kind, "status": "True", "lastTransitionTime": made}
                      for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        return name, {
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"nodeName": f"node{i % self._nodes:05}", "serviceAccountName": "default", "containers": [container]},
            "status": {"phase": "Running", "startTime": made, "conditions": conditions, "podIP": address, "podIPs": [{"ip": address}]}}

    def _change(self, changes):
        self._etcd.request("POST", "/v3/kv/txn", json.dumps({"success": changes}))
        answer = self._etcd.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"etcd refuses pods: {text}")

    def _put(self, i):
        name, pod = self._pod(i)
        return {"requestPut": {"key": self._key(name), "value": base64.b64encode(json.dumps(pod).encode()).decode()}}

    @staticmethod
    def _key(name):
        return base64.b64encode(f"/registry/pods/scale/{name}".encode()).decode()

    def make(self, count):
        for begin in range(0, count, 100):
            self._change([self._put(i) for i in range(begin, min(begin + 100, count))])

    def move(self, old, new):
        self._change([{"requestDeleteRange": {"key": self._key(self._pod(old)[0])}}])
        self._change([self._put(new)])


class Operator:
    """The process, and what it and the API server say of it."""

    def __init__(self, server):
        self._server, self._process = server, None

    def start(self):
        with open(f"{os.environ['API_LOGS']}/operator.log", "ab") as log:
            self._process = subprocess.Popen(
                ["espalier-operator", "run", "--kubeconfig", "/run/api/operator.kubeconfig", "--metrics", "127.0.0.1:9465"], stderr=log)

    def stop(self):
        self._process.terminate()
        if self._process.wait(30) != 0:
            sys.exit("the operator did not end well; its log tells why")

    def ready(self):
        try:
            return urllib.request.urlopen(f"{METRICS}/readyz", timeout=5).status == 200
        except OSError:
            return False

    def metric(self, name):
        text = urllib.request.urlopen(f"{METRICS}/metrics", timeout=10).read().decode()
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(name + r"[{ ]", line))

    def writes(self):
        """How often each kind was written, by "kind" or "kind/subresource", as the API server counts."""
        counts = {}
        for line in self._server.text("/metrics").splitlines():
            if not line.startswith("apiserver_request_total{"):
                continue
            label = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if label["group"] == "espalier.io" and label["verb"] in WRITES:
                kind = label["resource"] + ("/" + label["subresource"] if label["subresource"] else "")
                counts[kind] = counts.get(kind, 0) + int(float(line.split()[-1]))
        return counts


def row(what, written, ready, processor, writes):
    """Times in seconds, None: does not apply."""
    def seconds(value):
        return "" if value is None else f"{value:.2f} s"

    kinds = {"nodeendpoints": "NodeEndpoint", "nodepolicies": "NodePolicy", "podslices": "PodSlice",
             "ipsecpolicies/status": "status of a policy", "tunnels/status": "status of a Tunnel"}
    told = ", ".join(f"{writes[kind]} {text}" for kind, text in kinds.items() if writes.get(kind)) or "nothing"
    print(f"{what:<42}{seconds(written):>9}{seconds(ready):>10}{seconds(processor):>11}  {told}", flush=True)


class Bench:
    def __init__(self, nodes, policies, pods):
        self.count, self.policies, self.pods = nodes, policies, pods
        self.server, self.lock = Server(), threading.Lock()
        self.operator = Operator(self.server)
        self.node_policies = Follower(f"{API}/nodepolicies", self.lock, Agents().tell)
        self.ipsec_policies = Follower(f"{API}/ipsecpolicies", self.lock)
        self.endpoints = Follower(f"{API}/nodeendpoints", self.lock)
        self.slices = Follower(f"{API}/podslices", self.lock)

    # What is changed.
    def node(self, i):
        name = f"node{i:05}"
        self.server.want("POST", "/api/v1/nodes", {
            "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", "group": f"g{i % 10}"}},
            "spec": {"podCIDRs": [f"100.{64 + i // 256}.{i % 256}.0/24"]},
            "status": {"addresses": [{"type": "InternalIP", "address": f"10.0.{i // 256}.{i % 256}"}]}})

    def policy(self, i):
        """A tenth of them for all nodes, the others for a tenth of the nodes each."""
        selector = {} if i % 10 == 0 else {"nodeSelector": {"matchLabels": {"group": f"g{i % 10}"}}}
        spec = {"enforcement": "Preferred", "traffic": ["NodeToNode", "PodToPod"], "priority": i, **selector}
        self.server.want("POST", f"{API}/ipsecpolicies", {"apiVersion": "espalier.io/v1alpha1", "kind": "IPsecPolicy",
                                                          "metadata": {"name": f"policy{i:03}"}, "spec": spec})

    def select_pods(self):
        """One more policy, for the pods of every node."""
        self.policies += 1
        spec = {"enforcement": "Preferred", "traffic": ["PodToPod"], "priority": 999, "podSelector": {"matchLabels": {"app": "web"}}}
        self.server.want("POST", f"{API}/ipsecpolicies", {"apiVersion": "espalier.io/v1alpha1", "kind": "IPsecPolicy",
                                                          "metadata": {"name": "web"}, "spec": spec})

    def change(self, name):
        self.server.want("PATCH", f"{API}/ipsecpolicies/{name}", {"spec": {"esp": {"lifetime": "2h"}}}, "application/merge-patch+json")

    # What is waited for.
    def written(self):
        return len(self.node_policies.objects) == self.count and len(self.endpoints.objects) == self.count

    def told(self, name, generation):
        """Every NodePolicy that names the policy names it in that state."""
        named = [p["generation"] for policy in self.node_policies.objects.values() for p in policy["spec"].get("policies", [])
                 if p["name"] == name]
        return bool(named) and all(g >= generation for g in named)

    def selected(self):
        return {address for slice in self.slices.objects.values() for address in slice["spec"]["addresses"]}

    def followed(self):
        """Every policy is Ready, and says so of its newest state and of all its nodes."""
        wanted = {}
        for policy in self.node_policies.objects.values():
            for named in policy["spec"].get("policies", []):
                wanted[named["name"]] = wanted.get(named["name"], 0) + 1
        for name, policy in self.ipsec_policies.objects.items():
            status, generation = policy.get("status", {}), policy["metadata"]["generation"]
            good = {c["type"] for c in status.get("conditions", []) if c["status"] == "True" and c.get("observedGeneration") == generation}
            if "Ready" not in good or status.get("nodes", {}).get("ready") != wanted.get(name):
                return False
        return self.written() and len(self.ipsec_policies.objects) == self.policies

    def wait(self, what, until, seconds=600):
        """Returns when it was so. Looks often enough to tell a tenth of a second, and no oftener: others want the processor."""
        end = time.monotonic() + seconds
        while True:
            with self.lock:
                if until():
                    return time.monotonic()
            if time.monotonic() >= end:
                sys.exit(f"{what}: not within {seconds} s; the logs tell more")
            time.sleep(0.1)

    def settle(self):
        """Returns the counts once nothing is written any more."""
        counts, since = self.operator.writes(), time.monotonic()
        while time.monotonic() - since < QUIET:
            time.sleep(0.5)
            now = self.operator.writes()
            if now != counts:
                counts, since = now, time.monotonic()
        return counts

    def step(self, what, change, until):
        """`until`: all nodes are told. Then the statuses follow, and then there is quiet."""
        before, begin = self.operator.writes(), time.monotonic()
        cpu = self.operator.metric("process_cpu_seconds_total")
        change()
        written = self.wait(f"{what}: written", until) - begin
        ready = self.wait(f"{what}: Ready", self.followed) - begin
        after = self.settle()
        row(what, written, ready, self.operator.metric("process_cpu_seconds_total") - cpu, difference(before, after))

    def run(self):
        for follower in (self.node_policies, self.ipsec_policies, self.endpoints, self.slices):
            follower.start()
        for i in range(self.count):
            self.node(i)
        for i in range(self.policies):
            self.policy(i)
        self.wait("the policies", lambda: len(self.ipsec_policies.objects) == self.policies)
        print(f"The operator on an API server: {self.count} nodes, {self.policies} policies, a tenth of them for all nodes,\n"
              "the others for a tenth of the nodes each; every agent is played\n")
        print(f"{'':<42}{'written':>9}{'Ready':>10}{'processor':>11}  how many writes", flush=True)

        before, begin = self.operator.writes(), time.monotonic()
        self.operator.start()
        planned, cpu = self.wait("the first plan", self.operator.ready) - begin, self.operator.metric("process_cpu_seconds_total")
        written = self.wait("the first writes", self.written) - begin
        ready = self.wait("every policy Ready", self.followed) - begin
        after = self.settle()
        row("the first plan", written, ready, self.operator.metric("process_cpu_seconds_total"), difference(before, after))
        print(f"  (it stands after {planned:.2f} s and {cpu:.2f} s of the processor, the process's start included)")

        new = self.count
        self.count += 1
        self.step("one node joins", lambda: self.node(new), self.written)
        self.step("a policy for a tenth of the nodes changes", lambda: self.change("policy001"), lambda: self.told("policy001", 2))
        self.step("a policy for all nodes changes", lambda: self.change("policy000"), lambda: self.told("policy000", 2))
        self.count -= 1
        self.step("one node goes", lambda: self.server.want("DELETE", f"/api/v1/nodes/node{new:05}"), self.written)
        memory = self.operator.metric("process_resident_memory_bytes")
        self.operator.stop()

        before, begin = self.operator.writes(), time.monotonic()
        self.operator.start()
        planned, after = self.wait("ready again", self.operator.ready) - begin, self.settle()
        row("started again", None, planned, self.operator.metric("process_cpu_seconds_total"), difference(before, after))
        print(f"\nThe operator's resident memory: {memory / 1048576:.0f} MiB; started again "
              f"{self.operator.metric('process_resident_memory_bytes') / 1048576:.0f} MiB")
        self.pod_steps()
        self.operator.stop()

    def pod_steps(self):
        pods = Pods(self.count)
        self.server.want("POST", "/api/v1/namespaces", {"metadata": {"name": "scale"}})
        pods.make(self.pods)
        self.step(f"a policy comes that selects {self.pods} pods", self.select_pods, lambda: len(self.selected()) == self.pods)
        old, new = 777 % self.pods, self.pods
        wanted = self.selected() - {pods.address(old)} | {pods.address(new)}
        self.step("one pod moves", lambda: pods.move(old, new), lambda: self.selected() == wanted)
        print(f"\nIts resident memory with {self.pods} pods selected: "
              f"{self.operator.metric('process_resident_memory_bytes') / 1048576:.0f} MiB")


def difference(before, after):
    return {kind: n - before.get(kind, 0) for kind, n in after.items()}


Bench(*map(int, sys.argv[1:4])).run()
