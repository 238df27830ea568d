"""The API server of lab/apiserver, as a cluster administrator sees it. Python's standard library only."""

import http.client
import json
import os
import ssl
import subprocess
import time


class Server:
    def __init__(self, timeout=60):
        api = "/run/api"
        context = ssl.create_default_context(cafile=f"{api}/ca.crt")
        context.load_cert_chain(f"{api}/pki/user-admin.crt", f"{api}/pki/user-admin.key")
        self._connection = http.client.HTTPSConnection("127.0.0.1", 6443, context=context, timeout=timeout)

    def _ask(self, method, path, body=None, content="application/json"):
        text = None if body is None else json.dumps(body)
        for again in (True, False):
            try:
                self._connection.request(method, path, text, {"Content-Type": content})
                return self._connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                self._connection.close()
                if not again:  # else the server has closed what was idle for a minute and a half
                    raise

    def request(self, method, path, body=None, content="application/json"):
        """The status code and the decoded answer."""
        answer = self._ask(method, path, body, content)
        return answer.status, json.loads(answer.read())

    def want(self, method, path, body=None, content="application/json"):
        """The decoded answer; a refusal ends the program."""
        status, answer = self.request(method, path, body, content)
        assert status < 300, f"{method} {path}: {answer}"
        return answer

    def apply(self, path, thing, manager):
        """Server-side apply, what others own taken from them: the status code and the decoded answer."""
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", thing, "application/apply-patch+yaml")

    def text(self, path):
        return self._ask("GET", path).read().decode()

    def lines(self, path):
        """The lines of an answer that has no end, as they come."""
        while (answer := self._ask("GET", path)).status == 429:  # a kind that is new
            answer.read()
            time.sleep(int(answer.headers.get("Retry-After", 1)))
        assert answer.status == 200, answer.read()
        while line := answer.readline():
            yield line

    def crds(self):
        """The project's CRDs by kind, as the server holds them."""
        status, answer = self.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        assert status == 200, answer
        return {crd["spec"]["names"]["kind"]: crd for crd in answer["items"] if crd["spec"]["group"] == "espalier.io"}

    def complaints(self, crd, thing, update_of=None):
        """What the server says of an object that it is asked to create (or to put in place of a stored one), without
        storing it: a list of (field, message). Empty: it would take it."""
        path = collection(crd, thing["metadata"].get("namespace"))
        if update_of:
            method, path = "PUT", f"{path}/{update_of}"
            stored = self.request("GET", path)[1]
            thing["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"]
        else:
            method = "POST"
        status, answer = self.request(method, f"{path}?dryRun=All&fieldValidation=Strict", thing)
        if status < 300:
            return []
        causes = answer.get("details", {}).get("causes")
        if not causes:
            return [("", answer["message"])]
        # Without a field stands only that some rules were not looked at any more.
        return [(cause["field"], cause["message"]) for cause in causes if cause["field"] != "<nil>"]


def collection(crd, namespace):
    version = crd["spec"]["versions"][0]["name"]
    scope = f"/namespaces/{namespace}" if crd["spec"]["scope"] == "Namespaced" else ""
    return f"/apis/espalier.io/{version}{scope}/{crd['spec']['names']['plural']}"


def schema(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def read_manifests(path):
    """The objects of a file of YAML documents; kubectl reads them."""
    text = subprocess.run(
        ["kubectl", "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", path],
        check=True, capture_output=True, text=True, env=os.environ,
    ).stdout
    decoder, objects, at = json.JSONDecoder(), [], 0
    while at < len(text):
        found, end = decoder.raw_decode(text, at)
        objects += found["items"] if found["kind"] == "List" else [found]
        at = end
        while at < len(text) and text[at].isspace():
            at += 1
    return objects


class Checks:
    """Lines as tests/checks.sh prints them, and whether all went well."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, text, good, detail=""):
        self.count += 1
        if not good:
            self.failed += 1
            print(f"NOT OK {text}\n       {detail}")
        elif detail is not None:
            print(f"ok   {text}")

    def end(self):
        print(f"{self.count} checks, {self.failed} failed")
        return 1 if self.failed or not self.count else 0
