#!/bin/sh
# Prints Secrets with certificates for xDS and the webhook, and the webhook's configuration:
#
#   deploy/kubernetes/certificates.sh FOLDER | kubectl apply -f -
#
# FOLDER keeps the authority with its key: keep it secret. Run it again with the same FOLDER to renew the certificates, which hold for a year.
# The control plane takes new ones over by itself, Envoy with its next start. The Secrets are in the shape that cert-manager makes, too.
set -eu
umask 077
namespace=gloo-system
here=$(dirname "$0")
folder=${1:?name a folder for the authority}
mkdir -p "$folder"

curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
if [ ! -f "$folder/ca.key" ]; then
  # shellcheck disable=SC2086
  openssl req -x509 $curve -days 3650 -subj "/CN=epoxy $namespace" -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
fi
encode() { openssl base64 -A -in "$1"; }

# secret NAME HOST: a certificate for HOST.$namespace.svc, of either side of TLS
secret() {
  # shellcheck disable=SC2086
  openssl req $curve -subj "/CN=$2" -keyout "$folder/$1.key" -out "$folder/$1.csr" 2>/dev/null
  printf 'subjectAltName=DNS:%s.%s.svc\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" "$namespace" >"$folder/$1.ext"
  openssl x509 -req -in "$folder/$1.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 365 \
    -extfile "$folder/$1.ext" -out "$folder/$1.crt" 2>/dev/null
  cat <<END
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: $1
  namespace: $namespace
data:
  ca.crt: $(encode "$folder/ca.crt")
  tls.crt: $(encode "$folder/$1.crt")
  tls.key: $(encode "$folder/$1.key")
---
END
}

secret epoxy-xds-tls epoxy
secret gateway-proxy-xds-tls gateway-proxy
secret epoxy-validation-tls epoxy-validation
sed "s|caBundle: .*|caBundle: $(encode "$folder/ca.crt")|" "$here/webhook.yaml"
