// Access: what it takes to reach an API server and be somebody there. kube/kubeconfig reads it from
// a kubeconfig or from a pod's own files; kube/cpprest uses it.
//
// Guarantees: private keys and tokens given inline live in SecretBytes; those in files are read
// when they are needed and again when they change.
#pragma once

#include <string>

#include "base/secret_bytes.h"

namespace espalier::kube {

// A file, or its content; neither: there is none.
struct Material {
  std::string file;
  SecretBytes data;

  [[nodiscard]] bool empty() const { return file.empty() && data.empty(); }
};

struct Access {
  std::string server;  // "https://[fd00::1]:6443": scheme, host, port, perhaps a path
  std::string
      tls_server_name;  // what the server's certificate must say, if not the host; may be empty
  Material ca;          // PEM, one or more; none: the system's
  Material client_certificate;  // PEM, the leaf first
  Material client_key;          // PEM
  Material token;               // a bearer token
  std::string proxy;            // "http://proxy:3128"; empty: none. The environment is not asked.
  std::string ns;               // the namespace of the context or the pod; may be empty
};

}  // namespace espalier::kube
