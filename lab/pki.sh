# Sourced inside a lab machine: authorities and node certificates, in $PKI (/run/pki), made once per machine.
#
#   pki_ca NAME [KEY]                     a root: NAME.key, NAME.crt. KEY: ec (P-256, default), ec384, rsa (2048)
#   pki_intermediate NAME CA [KEY]        an authority below CA
#   pki_node NAME CA [OPTION…]            NAME.key, NAME.crt, NAME.p12 (no password; with the chain)
#     --key KEY   --san LIST              LIST as OpenSSL writes it; default DNS:NAME.lab
#     --expired   --not-yet               valid until yesterday, or from tomorrow
#     --days N                            valid for N days (30)
#     --subject DN                        default /O=Lab/CN=NAME
#
# A CA is a member of the chain of what it signed: NAME.chain holds the intermediate authorities of NAME, or is empty.
# Names and serials are distinct, as NSS wants of authorities in one process.
# shellcheck shell=bash

: "${PKI:=/run/pki}"

_pki_key() {
  case "${1:-ec}" in
    ec) echo "-newkey ec -pkeyopt ec_paramgen_curve:P-256" ;;
    ec384) echo "-newkey ec -pkeyopt ec_paramgen_curve:P-384" ;;
    rsa) echo "-newkey rsa:2048" ;;
    *) echo "pki: no key of kind $1" >&2; return 1 ;;
  esac
}

# The system's openssl.cnf adds CA extensions to whatever `req -x509` makes: use none of it.
_pki_openssl() {
  OPENSSL_CONF=$PKI/.openssl.cnf openssl "$@" 2>"$PKI/.log" || { cat "$PKI/.log" >&2; return 1; }
}

_pki_start() {
  [ ! -e "$PKI/.openssl.cnf" ] || return 0
  mkdir -p "$PKI/.issued"
  cat >"$PKI/.openssl.cnf" <<-CNF
	[req]
	distinguished_name = dn
	[dn]
	[ca]
	default_ca = dated
	[dated]
	database = $PKI/.index
	rand_serial = yes
	default_md = sha256
	policy = any
	unique_subject = no
	[any]
	organizationName = optional
	commonName = supplied
	CNF
  : >"$PKI/.index"
}

# _pki_sign NAME KEY SUBJECT CA EXTENSION… : one certificate of 30 days; CA is empty for a root.
_pki_sign() {
  local name=$1 key=$2 subject=$3 ca=$4 extension command
  shift 4
  _pki_start
  [ -z "$ca" ] || set -- "$@" authorityKeyIdentifier=keyid
  set -- "$@" subjectKeyIdentifier=hash
  command=(req -x509 -sha256 -days 30 -subj "$subject" -noenc -keyout "$PKI/$name.key" -out "$PKI/$name.crt")
  [ -z "$ca" ] || command+=(-CA "$PKI/$ca.crt" -CAkey "$PKI/$ca.key")
  for extension in "$@"; do command+=(-addext "$extension"); done
  # shellcheck disable=SC2046
  _pki_openssl "${command[@]}" $(_pki_key "$key")
}

# _pki_sign_dated NAME KEY SUBJECT CA FROM TO EXTENSION… : the same with dates of its own (YYYYMMDDHHMMSSZ).
_pki_sign_dated() {
  local name=$1 key=$2 subject=$3 ca=$4 from=$5 to=$6
  shift 6
  _pki_start
  printf '%s\n' "$@" >"$PKI/.extensions"
  # shellcheck disable=SC2046
  _pki_openssl req -new -subj "$subject" -noenc -keyout "$PKI/$name.key" -out "$PKI/.request" $(_pki_key "$key") &&
    _pki_openssl ca -batch -notext -config "$PKI/.openssl.cnf" -cert "$PKI/$ca.crt" -keyfile "$PKI/$ca.key" -outdir "$PKI/.issued" \
      -startdate "$from" -enddate "$to" -extfile "$PKI/.extensions" -in "$PKI/.request" -out "$PKI/$name.crt"
}

pki_ca() {
  [ ! -e "$PKI/$1.crt" ] || return 0
  _pki_sign "$1" "${2:-ec}" "/O=Lab/CN=$1" "" basicConstraints=critical,CA:true keyUsage=critical,keyCertSign,cRLSign
  : >"$PKI/$1.chain"
}

pki_intermediate() {
  [ ! -e "$PKI/$1.crt" ] || return 0
  _pki_sign "$1" "${3:-ec}" "/O=Lab/CN=$1" "$2" basicConstraints=critical,CA:true,pathlen:0 keyUsage=critical,keyCertSign,cRLSign
  cat "$PKI/$1.crt" "$PKI/$2.chain" >"$PKI/$1.chain"
}

pki_node() {
  local name=$1 ca=$2 key=ec san=DNS:$1.lab subject=/O=Lab/CN=$1 from='' to=''
  shift 2
  while [ $# -gt 0 ]; do
    case "$1" in
      --key) key=$2; shift ;;
      --san) san=$2; shift ;;
      --subject) subject=$2; shift ;;
      --expired) from='10 days ago' to='1 day ago' ;;
      --not-yet) from='1 day' to='10 days' ;;
      --days) from='1 hour ago' to="$2 days"; shift ;;
      *) echo "pki_node: unknown option $1" >&2; return 1 ;;
    esac
    shift
  done
  if [ -z "$from" ]; then
    _pki_sign "$name" "$key" "$subject" "$ca" basicConstraints=critical,CA:false keyUsage=critical,digitalSignature \
      "subjectAltName=$san"
  else
    _pki_sign_dated "$name" "$key" "$subject" "$ca" "$(date -ud "$from" +%Y%m%d%H%M%SZ)" "$(date -ud "$to" +%Y%m%d%H%M%SZ)" \
      basicConstraints=critical,CA:false keyUsage=critical,digitalSignature "subjectAltName=$san"
  fi || return 1
  cp "$PKI/$ca.chain" "$PKI/$name.chain"
  _pki_root_of "$ca"
  cat "$PKI/$name.chain" "$PKI/$PKI_ROOT.crt" >"$PKI/.with"
  _pki_openssl pkcs12 -export -name "$name" -inkey "$PKI/$name.key" -in "$PKI/$name.crt" -certfile "$PKI/.with" \
    -passout pass: -out "$PKI/$name.p12"
}

# The root above a CA, in PKI_ROOT: its name is the CN of the last issuer.
_pki_root_of() {
  local ca=$1 issuer
  while :; do
    issuer=$(openssl x509 -in "$PKI/$ca.crt" -noout -issuer -nameopt multiline | sed -n 's/^ *commonName *= //p')
    [ "$issuer" != "$ca" ] || break
    ca=$issuer
  done
  PKI_ROOT=$ca
}
