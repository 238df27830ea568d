#!/usr/bin/env bash
# host
# The image: programs that run with nothing but it, what it says about itself, the same octets twice, and the paths that the chart names.
source "$ESPALIER_ROOT/tests/checks.sh"
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"; _end' EXIT

check "it is made" "$ESPALIER_ROOT/images/build" "$work/one.tar"
check "and again" "$ESPALIER_ROOT/images/build" "$work/two.tar"
check "  with the same octets" cmp "$work/one.tar" "$work/two.tar"
check "its files alone" "$ESPALIER_ROOT/images/build" --root "$work/root"
refuse "not over others" "$ESPALIER_ROOT/images/build" --root "$work/root"
said "  it says" "is not empty"
for program in espalier-agent espalier-operator espalierctl; do
  check "$program runs in it" unshare --user --map-root-user chroot "$work/root" "/usr/bin/$program" --version
done
# Reads a Secret's certificate, so NSS finds what it loads by name.
check "NSS's token is in it" test -e "$(find "$work/root" -name libsoftokn3.so)"
mkdir "$work/root/m"
cp "$ESPALIER_ROOT/crds/testdata/examples/mesh.yaml" "$work/root/m/"
check "the planner runs in it" unshare --user --map-root-user chroot "$work/root" /usr/bin/espalier-operator render --manifests /m
check "it has no shell" test ! -e "$work/root/bin/sh"
layout() {
  python3 - "$work/one.tar" <<'PY'
import hashlib, json, sys, tarfile
tar = tarfile.open(sys.argv[1])
read = lambda name: tar.extractfile(name).read()
def blob(each):
    content = read("blobs/sha256/" + each["digest"][7:])
    assert hashlib.sha256(content).hexdigest() == each["digest"][7:] and len(content) == each["size"], each
    return content
index = json.loads(read("index.json"))
manifest = json.loads(blob(index["manifests"][0]))
config = json.loads(blob(manifest["config"]))
layer = blob(manifest["layers"][0])
assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
assert config["config"]["Labels"]["org.opencontainers.image.title"] == "espalier"
print(index["manifests"][0]["annotations"]["io.containerd.image.name"])
PY
}
check "its digests are right" layout
said "  and its name the chart's" espalier/espalier:
bill() { python3 -c 'import json,sys; print(*[p["name"] for p in json.load(open(sys.argv[1]))["packages"]])' "$work/root/usr/share/espalier/sbom.spdx.json"; }
check "its bill of materials names NSS" bill
said "  by its package" libnss3
for path in $(sed -n 's/.*command: \[\(\/[^],]*\).*/\1/p' "$ESPALIER_ROOT"/helm/espalier/templates/{,tests/}*.yaml | sort -u); do
  check "the chart's $path is in it" test -x "$work/root$path"
done
