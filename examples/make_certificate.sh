#!/bin/sh
# make_certificate.sh [DIRECTORY [NAME...]] - a certificate to try tls:// with, and the authority that
# signed it, made by the openssl command.
#
#     make_certificate.sh keys                             for localhost, 127.0.0.1 and ::1
#     make_certificate.sh keys www.example '*.x.example'   for these names instead
#
#     echo_server 'tls://127.0.0.1:7000?cert=keys/cert.pem&key=keys/key.pem'
#     echo_client 'tls://localhost:7000?ca=keys/ca.pem' hello
#
# Clients that are told to trust ca.pem trust this one certificate: the authority's key is not kept.
# A client may show the certificate, too, where a listener says verify=peer and ca=. It is valid for
# 30 days. For a server that others use, get a certificate from a public authority.
set -eu

directory=${1:-.}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- localhost 127.0.0.1 ::1

fail() {
    echo "make_certificate.sh: $*" >&2
    exit 1
}

# The names become lines of openssl's configuration: a strange one could say more than a name.
names=
for name; do
    case $name in
    '' | *[!0-9A-Za-z.:*_-]*) fail "'$name' is no name, IPv4 or IPv6 address" ;;
    *:* | *.[0-9] | *.[0-9][0-9] | *.[0-9][0-9][0-9]) kind=IP ;;
    *) kind=DNS ;;
    esac
    names="$names${names:+,}$kind:$name"
done

command -v openssl >/dev/null || fail "the command openssl is missing"
mkdir -p -- "$directory"
directory=$(cd -- "$directory" && pwd)
for file in ca.pem cert.pem key.pem; do
    [ ! -e "$directory/$file" ] || fail "$directory/$file is there already"
done
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

# A common name has at most 64 characters, and nobody reads it: the names are in subjectAltName.
cat >config <<END
[req]
prompt = no
distinguished_name = \${ENV::WHO}
[authority]
commonName = an authority for tests
[server]
commonName = a server for tests
[of_authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[of_server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names
END

# request WHO: makes a key and a request, WHO.key and WHO.csr.
request() {
    WHO=$1 openssl req -config config -new -nodes -sha256 -newkey ec \
        -pkeyopt ec_paramgen_curve:prime256v1 -keyout "$1.key" -out "$1.csr"
}

# sign WHO OPTION...: makes WHO.pem of the request.
sign() {
    who=$1
    shift
    WHO=$who openssl x509 -req -in "$who.csr" -sha256 -days 30 -extfile config \
        -extensions "of_$who" -out "$who.pem" "$@"
}

{
    request authority && sign authority -signkey authority.key &&
        request server && sign server -CA authority.pem -CAkey authority.key -CAcreateserial
} >log 2>&1 || fail "openssl failed: $(cat log)"

cp server.key "$directory/key.pem"
cp server.pem "$directory/cert.pem"
cp authority.pem "$directory/ca.pem"
chmod 644 "$directory/cert.pem" "$directory/ca.pem"
echo "$directory has cert.pem and key.pem for $*, and ca.pem, which signed it"
